/** Common fields: `cluster` (namespace/name), `bundle`, `workflowId`, `runId`, `activity`, `attempt`, `code`. */
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { redactFields, redactText } from './redaction.ts';

export type { Logger } from 'pino';

/** As CERTMAN_LOG_LEVEL and CERTMAN_LOG_FORMAT set them. */
export interface LoggingOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly format: 'json' | 'text';
  readonly output?: DestinationStream;
}

/** Writes synchronously, so that the last records of a process that exits are not lost. */
export function createLogger(options: LoggingOptions): Logger {
  const output = options.output ?? destination({ dest: 1, sync: true });
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      errorKey: 'error',
      serializers: { error: redactFields },
      formatters: {
        level: (label) => ({ level: label }),
        log: (record) => redactFields(record) as Record<string, unknown>,
      },
      hooks: { streamWrite: redactText },
    },
    options.format === 'text' ? { write: (line) => output.write(asText(line)) } : output,
  );
}

/** `12:00:00.000 INFO  message  cluster=ns/name activity=placeOrder`, stacks on lines of their own. */
export function asText(line: string): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { time, level, message, error, ...fields } = record;
  const pairs = Object.entries(fields).map(
    ([name, field]) => `${name}=${typeof field === 'string' ? field : JSON.stringify(field)}`,
  );
  const clock = typeof time === 'string' ? time.slice(11, 23) : '';
  const parts = [
    clock,
    (typeof level === 'string' ? level : '').toUpperCase().padEnd(5),
    typeof message === 'string' ? message : '',
    ...(pairs.length > 0 ? [` ${pairs.join(' ')}`] : []),
  ];
  return `${parts.join(' ')}\n${error === undefined ? '' : `${indent(errorText(error))}\n`}`;
}

function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error === 'string' ? error : JSON.stringify(error);
  const { stack, message, cause } = error as {
    readonly stack?: unknown;
    readonly message?: unknown;
    readonly cause?: unknown;
  };
  const own = typeof stack === 'string' ? stack : typeof message === 'string' ? message : JSON.stringify(error);
  return cause === undefined ? own : `${own}\ncaused by ${errorText(cause)}`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}
