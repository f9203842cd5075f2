import type { LogLevel, LogMetadata } from '@temporalio/common';
import { DefaultLogger, type Logger as SdkLogger } from '@temporalio/worker';
import type { Logger } from './logging.ts';

const FIELD_NAMES: Readonly<Record<string, string>> = {
  activityType: 'activity',
  workflowRunId: 'runId',
};
/** Without value to an operator, or secret. */
const OMITTED_FIELDS = new Set([
  'taskToken',
  'namespace',
  'taskQueue',
  'isLocal',
  'activityId',
  'workflowType',
  'firstExecutionRunId',
]);

const LEVELS: readonly LogLevel[] = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'];

/** While Temporal is unavailable, the native core logs these for every poll and heartbeat, many times a second. */
const NOISY_MESSAGE = /^(gRPC call \w+ retried|Error when recording heartbeat)/;
const NOISY_INTERVAL_MS = 30_000;

/** Forwards the logs of the SDK, its native core, workflows and activities. For `Runtime.install({ logger })`. */
export function createTemporalLogger(logger: Logger): DefaultLogger {
  let quietUntil = 0;
  // The SDK traces each step of every task: below the level, it then asks for no time and copies no fields.
  return new DefaultLogger(levelOf(logger), ({ level, message, meta = {} }) => {
    const method = level.toLowerCase() as Lowercase<typeof level>;
    if (NOISY_MESSAGE.test(message)) {
      if (Date.now() < quietUntil) return;
      quietUntil = Date.now() + NOISY_INTERVAL_MS;
    }
    if (logger.isLevelEnabled(method)) logger[method](recordOf(meta), message);
  });
}

/**
 * Makes the SDK's collector of logs drop the levels that `logger` does not write. It otherwise keeps each message for 100 ms,
 * to put it in order with those of the native core, before {@link createTemporalLogger} sees its level: the trace of an
 * activation has the whole of it.
 */
export function dropUnwrittenLevels(collector: SdkLogger, logger: Logger): void {
  for (const level of ['trace', 'debug', 'info', 'warn'] as const) {
    if (!logger.isLevelEnabled(level)) collector[level] = () => undefined;
  }
}

/** The least severe level of the SDK that the logger writes. */
function levelOf(logger: Logger): LogLevel {
  return LEVELS.find((level) => logger.isLevelEnabled(level.toLowerCase())) ?? 'ERROR';
}

function recordOf(meta: LogMetadata): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(meta)) {
    if (!OMITTED_FIELDS.has(name) && field !== undefined) record[FIELD_NAMES[name] ?? name] = field;
  }
  return typeof record['workflowId'] === 'string' ? { ...subjectOf(record['workflowId']), ...record } : record;
}

/**
 * Cluster and bundle in a workflow ID: `cluster/<management cluster>/<namespace>/<name>/<uid>`, `request/…` and
 * `issue/<management cluster>/<namespace>/<name>/<uid>/<bundle>/<attempt>`. A name truncated in the ID stays so.
 */
export function subjectOf(workflowId: string): { readonly cluster?: string; readonly bundle?: string } {
  const [kind, , namespace, name, , bundle] = workflowId.split('/');
  if ((kind !== 'cluster' && kind !== 'request' && kind !== 'issue') || namespace === undefined || name === undefined)
    return {};
  const cluster = `${namespace}/${name}`;
  return kind === 'issue' && bundle !== undefined ? { cluster, bundle } : { cluster };
}
