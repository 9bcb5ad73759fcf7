/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_TABLE_H
#define SPS_TOOLS_TABLE_H
/* Probabilities or logits of passes from a .npy file: [T][N][C], or [N][C] for one pass. */
#include <stddef.h>

struct sps_table {
    const char *path;
    size_t passes, count, classes;
    float *p; /* [passes][count][classes] */
};

/* 0, or the exit status after a message.  Release with sps_table_reset(), which allows one that is all zeros. */
int sps_table_read(struct sps_table *out, const char *path);
void sps_table_reset(struct sps_table *table);
#endif
