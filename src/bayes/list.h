/* X(name): src/bayes/<name>.c defines sps_method_<name>. */
#define SPS_METHOD_LIST(X)                                                                                             \
    X(point)                                                                                                           \
    X(scale_dropout)                                                                                                   \
    X(scale_vi)
