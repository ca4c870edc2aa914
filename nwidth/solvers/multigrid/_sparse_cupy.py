"""Matrices and arrays on the current CUDA device."""


def to_device(array):
    """Return a SciPy CSR array or a NumPy array on the device."""
    import cupy
    import cupyx.scipy.sparse as sparse

    if not hasattr(array, "indptr"):
        return cupy.asarray(array)
    parts = cupy.asarray(array.data), cupy.asarray(array.indices), cupy.asarray(array.indptr)
    return sparse.csr_matrix(parts, shape=array.shape)
