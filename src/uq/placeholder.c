typedef int sps_uq_placeholder;
