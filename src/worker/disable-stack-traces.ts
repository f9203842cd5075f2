/**
 * Loaded into the workflow sandbox before the workflows are: Temporal's SDK takes a stack trace, through the source map, of
 * every promise that workflow code makes, so that its `__stack_trace` query can show them. That was an eighth of the worker's
 * CPU in a burst. What a workflow is waiting for is told by its details page and its summaries; a defect is found by replaying
 * the history, which traces as usual.
 */
Error.stackTraceLimit = 0;
