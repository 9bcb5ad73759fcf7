/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_RECORDS_H
#define SPS_DATA_RECORDS_H
/* Files without a header: records of label bytes and colour planes, one after the other, as many as the file has. */
#include "data/format.h"

struct sps_record {
    int side; /* images are side x side, three planes R, G, B */
    int label_bytes, label_at;
    int column_major; /* planes are columns of pixels, as MATLAB keeps them, else rows */
};

enum { SPS_RECORDS_MAX = 100000 }; /* of a file: the largest set of this kind, STL-10's unlabelled part */

/* All files together; they must have equally many records, at least 1, at most `most` each.  Where a record has no
 * label byte, images are SPS_UNLABELLED. */
sps_status sps_records_read(struct sps_raw_images *out, sps_source *const *files, size_t count,
                            const struct sps_record *record, size_t most);

/* One image, planes to [H][W][C]. */
void sps_planes_unpack(uint8_t *out, const uint8_t *planes, int height, int width, int channels, int column_major);
#endif
