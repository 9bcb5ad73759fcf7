/* X(name): src/bayes/<name>.c defines sps_method_<name>. */
#define SPS_METHOD_LIST(X)                                                                                             \
    X(point)                                                                                                           \
    X(mc_dropout)                                                                                                      \
    X(mc_dropconnect)                                                                                                  \
    X(spindrop)                                                                                                        \
    X(spatial_spindrop)                                                                                                \
    X(scale_dropout)                                                                                                   \
    X(scale_vi)                                                                                                        \
    X(scale_bank)                                                                                                      \
    X(mean_field_vi)
