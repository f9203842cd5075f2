import { log, type SignalDefinition, setHandler } from '@temporalio/workflow';

/**
 * Registers the handler of a signal with an argument. Any client of the namespace can send one: an argument without its shape is
 * logged and dropped, since an error in a handler would fail the workflow task again and again.
 */
export function onSignal<Arg>(
  signal: SignalDefinition<[Arg]>,
  hasShape: (arg: unknown) => arg is Arg,
  handler: (arg: Arg) => void | Promise<void>,
  description: string,
): void {
  const handleSignal = (arg: unknown): void | Promise<void> => {
    if (hasShape(arg)) return handler(arg);
    log.warn('A malformed signal was dropped', { signal: signal.name, argument: typeOf(arg) });
  };
  setHandler(signal, handleSignal, { description });
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return value === null ? 'null' : typeof value;
}
