/* X(name): src/quant/<name>.c defines sps_binariser_<name>. */
#define SPS_BINARISER_LIST(X)                                                                                          \
    X(irnet)                                                                                                           \
    X(ste)
