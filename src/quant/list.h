/* X(name): src/quant/<name>.c defines sps_binariser_<name>. */
#define SPS_BINARISER_LIST(X)                                                                                          \
    X(irnet)                                                                                                           \
    X(bnn)                                                                                                             \
    X(xnor)                                                                                                            \
    X(xnor_pp)                                                                                                         \
    X(dorefa)                                                                                                          \
    X(dsq)                                                                                                             \
    X(lab)                                                                                                             \
    X(rad)                                                                                                             \
    X(recu)                                                                                                            \
    X(react)
