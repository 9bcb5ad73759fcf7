/* X(name): src/nn/<name>.c defines sps_layer_<name> (a layer), sps_optimiser_<name> (an optimiser). */
#define SPS_LAYER_LIST(X)                                                                                              \
    X(conv)                                                                                                            \
    X(dense)                                                                                                           \
    X(pool)                                                                                                            \
    X(batchnorm)                                                                                                       \
    X(sign)                                                                                                            \
    X(htanh)                                                                                                           \
    X(relu)                                                                                                            \
    X(rprelu)                                                                                                          \
    X(pact)                                                                                                            \
    X(dropout)                                                                                                         \
    X(residual)

#define SPS_OPTIMISER_LIST(X)                                                                                          \
    X(adam)                                                                                                            \
    X(sgd)
