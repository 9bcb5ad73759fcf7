/* SPDX-License-Identifier: MIT */
/* The program: finds the command, parses its line, runs it.  Commands that read data or train live in modules which are
 * opened when one of them is called, so that `predict` starts without loading the training library. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "help.h"
#include "options.h"
#include "training.h"

enum group { GROUP_infer, GROUP_data, GROUP_train, GROUP_cim };

struct entry {
    const char *name, *summary;
    enum group group;
    const struct sps_command *built_in; /* NULL for those in modules */
};

#define BUILT_IN_infer(name) &sps_cmd_##name
#define BUILT_IN_data(name) NULL
#define BUILT_IN_train(name) NULL
#define BUILT_IN_cim(name) NULL
#define ENTRY(name, group, summary) {#name, summary, GROUP_##group, BUILT_IN_##group(name)},
static const struct entry entries[] = {SPS_COMMANDS(ENTRY){NULL, NULL, GROUP_infer, NULL}};

static const struct entry *find_entry(const char *name)
{
    for (const struct entry *entry = entries; entry->name != NULL; entry++)
        if (strcmp(entry->name, name) == 0)
            return entry;
    return NULL;
}

/* What a module exports; NULL after a message.  Modules stay open until the program ends.  The dynamic linker finds
 * them through the program's own run path, in the build tree and where it is installed. */
static const void *load(enum group group, const char *symbol)
{
    /* libgomp reads this when it is loaded.  Its default is to spin for milliseconds while waiting for the other
     * threads, which on a machine with other work takes their cores away: training ran at a tenth of its speed. */
    if (group == GROUP_train)
        setenv("GOMP_SPINCOUNT", "1000", 0);
    static const char *const modules[] = {[GROUP_data] = "libspinscale-data-commands.so",
                                          [GROUP_train] = "libspinscale-train-commands.so",
                                          [GROUP_cim] = "libspinscale-cim-commands.so"};
    void *module = dlopen(modules[group], RTLD_NOW | RTLD_LOCAL);
    const void *found = module != NULL ? dlsym(module, symbol) : NULL;
    if (found == NULL)
        sps_console_error("cannot load a part of the program: %s", dlerror());
    return found;
}

static const struct sps_command *load_command(const struct entry *entry)
{
    char symbol[64];
    snprintf(symbol, sizeof symbol, "sps_cmd_%s", entry->name);
    return entry->group == GROUP_infer ? entry->built_in : load(entry->group, symbol);
}

const struct sps_training *sps_program_training(void)
{
    return load(GROUP_train, "sps_training");
}

static const char about[] = "spinscale trains Bayesian binary neural networks whose randomness lives in the\n"
                            "scale vector of each layer, and predicts with them: a class, and how sure the\n"
                            "network is.";

static void print_overview(FILE *out)
{
    fputs("Usage: spinscale COMMAND [options]\n\nCommands:\n", out);
    for (const struct entry *entry = entries; entry->name != NULL; entry++)
        fprintf(out, "  %-10s%s\n", entry->name, entry->summary);
    fputs("\n  spinscale COMMAND --help   what a command takes\n"
          "  spinscale --version        the version\n"
          "\nExit status: 0 done, 1 the data or model is bad or the machine failed, 2 wrong usage.\n",
          out);
}

static int print_command_help(const struct entry *entry)
{
    const struct sps_command *command = load_command(entry);
    if (command == NULL)
        return 1;
    sps_status status = sps_help_command(stdout, entry->name, entry->summary, command);
    return status == SPS_OK ? 0 : sps_console_failed(status);
}

static int print_man_page(void)
{
    printf(".TH SPINSCALE 1 \"\" \"spinscale %s\" \"User Commands\"\n", sps_version());
    fputs(".SH NAME\nspinscale \\- Bayesian binary neural networks with uncertainty\n"
          ".SH SYNOPSIS\n.B spinscale\nCOMMAND [options]\n.SH DESCRIPTION\n",
          stdout);
    sps_help_man_text(stdout, about);
    fputs("\n.SH COMMANDS\n", stdout);
    for (const struct entry *entry = entries; entry->name != NULL; entry++) {
        const struct sps_command *command = load_command(entry);
        if (command == NULL)
            return 1;
        sps_status status = sps_help_man_command(stdout, entry->name, entry->summary, command);
        if (status != SPS_OK)
            return sps_console_failed(status);
    }
    fputs(
        ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nthe data or model is bad, or the machine failed\n.TP\n2\nwrong usage\n"
        ".SH ENVIRONMENT\n.TP\n.B SPINSCALE_DATA\nfolder that has data sets as NAME/; looked at before the user's data "
        "folder and "
        "/usr/share/datasets\n"
        ".TP\n.B SPINSCALE_CPU\nkernel tier to use; \\(dqspinscale info\\(dq lists them\n",
        stdout);
    return 0;
}

static const char *entry_name(const void *user, size_t index)
{
    (void)user;
    return entries[index].name;
}

static int unknown_command(const char *name)
{
    const char *near = sps_did_you_mean(name, entry_name, NULL);
    if (near != NULL)
        return sps_console_usage("unknown command '%s', did you mean '%s'?", name, near);
    return sps_console_usage("unknown command '%s'", name);
}

static int run_command(const struct entry *entry, int count, char **arguments)
{
    sps_console_command = entry->name;
    const struct sps_command *command = load_command(entry);
    if (command == NULL)
        return 1;
    if (sps_console_ranks != NULL && !command->spreads)
        return sps_console_usage("runs in one process, not in the %d that mpirun started", sps_console_ranks->count);
    struct sps_parsed parsed;
    int exit_status = sps_options_parse(&parsed, command, count, arguments);
    if (exit_status != 0)
        return exit_status;
    exit_status =
        parsed.help ? print_command_help(entry) : command->run(parsed.options, parsed.operands, parsed.operand_count);
    sps_options_reset(&parsed, command);
    return exit_status;
}

static int run(int count, char **arguments)
{
    if (count == 0) {
        print_overview(stderr);
        return 2;
    }
    const char *first = arguments[0];
    if (strcmp(first, "--version") == 0) {
        printf("spinscale %s\n", sps_version());
        return 0;
    }
    if (strcmp(first, "--man") == 0)
        return print_man_page();
    int help = strcmp(first, "help") == 0;
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || (help && count == 1)) {
        printf("%s\n\n", about);
        print_overview(stdout);
        return 0;
    }
    if (help && count > 2)
        return sps_console_usage("unexpected argument '%s'", arguments[2]);
    if (!help && first[0] == '-')
        return sps_console_usage("unknown option '%s'", first);
    const char *name = help ? arguments[1] : first;
    const struct entry *entry = find_entry(name);
    if (entry == NULL)
        return unknown_command(name);
    return help ? print_command_help(entry) : run_command(entry, count - 1, arguments + 1);
}

int main(int argc, char **argv)
{
    sps_console_open();
    int exit_status = sps_console_join();
    if (exit_status == 0)
        exit_status = run(argc - 1, argv + 1);
    return sps_console_leave(sps_console_close(exit_status));
}
