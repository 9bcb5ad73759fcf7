/* SPDX-License-Identifier: MIT */
#ifndef SPS_DATA_PNG_H
#define SPS_DATA_PNG_H
#include "data/source.h"

/* sps_image_read_png() from any source.  Bytes behind the end of the PNG are not looked at. */
sps_status sps_png_decode(uint8_t **pixels, int *height, int *width, int *channels, sps_source *source);
#endif
