"""Learned multigrid cycles, and the convolutions and stencils they are made of."""
