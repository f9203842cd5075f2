/**
 * Preloaded into the workflow sandbox. For its `__stack_trace` query, the Temporal SDK takes a stack trace, through the source
 * map, of every promise in workflow code: an eighth of the worker's CPU in a burst. The details page and the summaries show
 * what a workflow waits for; a replay of the history has stack traces.
 */
Error.stackTraceLimit = 0;
