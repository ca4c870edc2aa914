"""Constants of rounding that kernels and what surrounds them share; nothing here is compiled."""

EPS = 2.0**-52
# Squares below 2^-1022 are lost; norms that must bound get so much more, room for 2^62 of them.
LOST = 2.0**-480
