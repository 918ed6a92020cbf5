/* A forward pass as a file, for reference.py. Tests only. */
#ifndef TESTS_BATTERY_DUMP_H
#define TESTS_BATTERY_DUMP_H

/* Makes a little model, runs a prompt through it in one pass, and writes
 * PATH.gguf and PATH.dump: "PROCDUMP", u32 tokens n, layers, width, vocabulary,
 * experts of the mask (0: none); u32 tokens [n]; mask, a byte each; f32 logits
 * (n, vocabulary); f32 residuals (2 * layers, n, width), before and after each
 * layer. Exit status. */
int dump(const char *kind, const char *type, const char *path);

#endif
