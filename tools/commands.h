/* SPDX-License-Identifier: MIT */
#ifndef SPS_TOOLS_COMMANDS_H
#define SPS_TOOLS_COMMANDS_H
/* The commands of the program.  Each is one file, cmd_<name>.c, that defines `const struct sps_command sps_cmd_<name>`.
 *
 * group: `infer` is part of the program itself, which links libspinscale-infer only; `data` also reads data sets and
 * images, `train` needs the training library, `cim` the simulated chip: those live in the modules
 * spinscale-data-commands, spinscale-train-commands and spinscale-cim-commands, opened when such a command is called.
 * CMake reads this list too.
 *
 * X(name, group, summary) */
#include "command.h"

#define SPS_COMMANDS(X)                                                                                                \
    X(train, train, "train a Bayesian binary network")                                                                 \
    X(eval, data, "measure a trained model on a data set, with uncertainty")                                           \
    X(compare, data, "put models and ensembles side by side on the same images")                                       \
    X(study, data, "repeat an experiment of the papers on uncertainty")                                                \
    X(report, data, "one page on what models know and what not, with images")                                          \
    X(predict, data, "classify images and say how sure the model is")                                                  \
    X(pack, train, "fold a trained model into one file for the packed engine")                                         \
    X(calibrate, train, "fit a temperature and thresholds to abstain by")                                              \
    X(bench, data, "time a packed model: one pass, T passes, each layer")                                              \
    X(crossbar, cim, "solve a resistive crossbar whose wires have resistance")                                         \
    X(metrics, infer, "compute all metrics on probabilities from any program")                                         \
    X(cim, cim, "run a model on a simulated chip: its answers, and what they cost")                                    \
    X(device, cim, "describe a magnetic tunnel junction, and when it switches")                                        \
    X(info, train, "list what there is to choose from, or describe a model")

#define SPS_COMMANDS_DECLARE(name, group, summary) extern const struct sps_command sps_cmd_##name;
SPS_COMMANDS(SPS_COMMANDS_DECLARE)
#undef SPS_COMMANDS_DECLARE
#endif
