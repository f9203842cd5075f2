/** Common fields: `cluster` (namespace/name), `bundle`, `workflowId`, `runId`, `activity`, `attempt`, `code`. */
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { SettingValues } from '../configuration/settings.ts';
import { printable } from '../failures/printable.ts';
import { redactFields, redactText } from './redaction.ts';

export type { Logger } from 'pino';

/** Writes synchronously, so that the last records of a process that exits are not lost. */
export function createLogger(
  { logLevel, logFormat }: Pick<SettingValues, 'logLevel' | 'logFormat'>,
  output: DestinationStream = destination({ dest: 1, sync: true }),
): Logger {
  return pino(
    {
      level: logLevel,
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
    // A terminal obeys control characters; JSON escapes them.
    logFormat === 'text' ? { write: (line) => output.write(printable(asText(line))) } : output,
  );
}

interface LogRecord {
  readonly time: string;
  readonly level: string;
  readonly message?: string;
  readonly error?: unknown;
}

/** `12:00:00.000 INFO  message  cluster=ns/name activity=placeOrder`, stacks on lines of their own. */
function asText(line: string): string {
  let record: LogRecord;
  try {
    record = JSON.parse(line) as LogRecord;
  } catch {
    // The redaction removed a quote.
    return line;
  }
  const { time, level, message = '', error, ...fields } = record;
  const pairs = Object.entries<unknown>(fields).map(
    ([name, field]) => `${name}=${typeof field === 'string' ? field : JSON.stringify(field)}`,
  );
  const shown = pairs.length === 0 ? '' : `  ${pairs.join(' ')}`;
  const stack = error === undefined ? '' : `${errorText(error).replaceAll(/^/gm, '    ')}\n`;
  return `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${message}${shown}\n${stack}`;
}

function errorText(error: unknown): string {
  if (typeof error === 'string') return error;
  const { stack, message, cause } = (error ?? {}) as Partial<Error>;
  const own = stack ?? message ?? JSON.stringify(error);
  return cause === undefined ? own : `${own}\ncaused by ${errorText(cause)}`;
}
