/* moonbeat.lua: options for all commands that start a daemon. */
#ifndef APP_CONFIGURATION_H
#define APP_CONFIGURATION_H

#include "ctl/options.h"

/* Fills what is not set from options->config_file (if there is one). Paths in it are relative to
 * the file. ERROR_INVALID names the file and the option, and the nearest known one. Any thread. */
enum error_code configuration_read(struct daemon_options *options, struct error *error);

#endif
