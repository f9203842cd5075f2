// Preloaded into the workflow sandbox: for `__stack_trace`, the SDK takes a stack trace of every promise, through the
// source map: an eighth of the worker's CPU in a burst. The details page and the summaries show what a workflow waits
// for; a replay of the history has stack traces.
Error.stackTraceLimit = 0;
