/* SPDX-License-Identifier: MIT */
#ifndef SPINSCALE_LOG_H
#define SPINSCALE_LOG_H
/* The library is silent unless a program gives it a log hook. */
#ifdef __cplusplus
extern "C" {
#endif

enum sps_log_level { SPS_LOG_INFO, SPS_LOG_WARNING };

/* text is one line without a newline, valid during the call.  May be called from any thread. */
typedef void (*sps_log_hook)(void *user, enum sps_log_level level, const char *text);

/* Set the hook of the process; NULL (the default) silences.  Not to be called while other threads use the library. */
void sps_set_log_hook(sps_log_hook hook, void *user);

#ifdef __cplusplus
}
#endif
#endif
