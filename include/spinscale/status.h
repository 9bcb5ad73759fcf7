/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_STATUS_H
#define SPINSCALE_STATUS_H
/* Status codes.  Every function that can fail returns one; 0 is success.  Outputs are set only on success.
 * The library never prints, exits or aborts: sps_last_error() has one sentence for people. */
#ifdef __cplusplus
extern "C" {
#endif

/* X(name, exit status of the program, meaning) */
#define SPS_STATUS_LIST(X)                                                                                             \
    X(OK, 0, "ok")                                                                                                     \
    X(EINVAL, 2, "wrong argument or setting")                                                                          \
    X(ENOMEM, 1, "out of memory")                                                                                      \
    X(EIO, 1, "input or output failed")                                                                                \
    X(EFORMAT, 1, "damaged or foreign file")                                                                           \
    X(ENOTFOUND, 1, "not found")                                                                                       \
    X(EUNSUPPORTED, 1, "not supported")                                                                                \
    X(EDIVERGED, 1, "diverged, or did not converge")                                                                   \
    X(EINTERRUPTED, 1, "interrupted")

typedef enum sps_status {
#define SPS_STATUS_ENUM(name, exit_status, text) SPS_##name,
    SPS_STATUS_LIST(SPS_STATUS_ENUM)
#undef SPS_STATUS_ENUM
} sps_status;

/* What a status means, in a few words.  Static text. */
const char *sps_status_text(sps_status status);

/* The exit status that a program should end with: 0 done, 1 data, model or machine, 2 wrong usage. */
int sps_exit_status(sps_status status);

/* Why the last failing call of this thread failed: one sentence, what is wrong first, no newline.  Valid until the
 * thread's next failing call. */
const char *sps_last_error(void);

/* Version of the library, for example "0.1.0". */
const char *sps_version(void);

#ifdef __cplusplus
}
#endif
#endif
