// Preloaded into the workflow sandbox. For `__stack_trace`, the SDK takes a stack trace of every promise, through the
// source map: an eighth of the worker's CPU in a burst. With a limit of 0 it still takes an empty one, and keeps it with
// the promise's parents: another eighth of what a replay takes, and a quarter of the memory of a cached workflow. Without
// a limit V8 takes none, and the SDK's hook has nothing to keep. The details page and the summaries show what a workflow
// waits for.
Reflect.deleteProperty(Error, 'stackTraceLimit');
