import type { ConnectionLike } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../contract/search-attributes.ts';
import { CertmanError } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import { abortable } from '../network/abortable.ts';
import type { Logger } from '../observability/logging.ts';
import { GRPC_STATUS, grpcCodeOf } from '../temporal/grpc-status.ts';
import { isMissing, MIN_RETENTION_DAYS, missingNamespace, withinTime } from '../temporal/namespace.ts';

/** One of those that certman needs. */
export type SearchAttribute = (typeof SEARCH_ATTRIBUTES)[number];

/** IndexedValueType: https://github.com/temporalio/api/blob/master/temporal/api/enums/v1/common.proto */
const INDEXED_VALUE_TYPES: Readonly<Record<SearchAttribute['type'], number>> = {
  KEYWORD: 2,
  DATETIME: 6,
  KEYWORD_LIST: 7,
};
/** As the temporal CLI spells them. */
const CLI_TYPES = { KEYWORD: 'Keyword', DATETIME: 'Datetime', KEYWORD_LIST: 'KeywordList' } as const;

/**
 * A service of Temporal reads the attributes of a namespace every two seconds, with Elasticsearch every minute, and rejects
 * until then what names a new one.
 */
const KNOWN_WITHIN_MS = 90_000;
const KNOWN_POLL_MS = 250;

/**
 * Registers missing ones.
 * @throws CertmanError `configuration/invalid` without the right or the room, when there is no such namespace, or a type differs;
 * what the request throws.
 */
export async function registerSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
  logger: Logger,
): Promise<void> {
  const missing = (await missingSearchAttributes(connection, namespace)) ?? [...SEARCH_ATTRIBUTES];
  if (missing.length === 0) return;
  const searchAttributes = Object.fromEntries(missing.map(({ name, type }) => [name, INDEXED_VALUE_TYPES[type]]));
  try {
    await withinTime(connection, () => connection.operatorService.addSearchAttributes({ namespace, searchAttributes }));
    logger.info({ searchAttributes: Object.keys(searchAttributes) }, 'registered the search attributes');
  } catch (error) {
    const code = grpcCodeOf(error);
    // Another worker registered them in the meantime.
    if (code === GRPC_STATUS.ALREADY_EXISTS) return;
    if (code === GRPC_STATUS.INVALID_ARGUMENT) throw noRoomError(namespace, Object.keys(searchAttributes), error);
    if (code !== GRPC_STATUS.PERMISSION_DENIED && code !== GRPC_STATUS.UNIMPLEMENTED) throw error;
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `The Temporal namespace ${namespace} lacks the search attributes ${Object.keys(searchAttributes).join(', ')}, and this worker has no right to register them.`,
      remedy: `Register them, then start again: ${registerCommand(namespace, missing)}`,
      cause: error,
    });
  }
}

/** A SQL visibility store has columns for so many of each type in a namespace. */
function noRoomError(namespace: string, names: readonly string[], cause: unknown): CertmanError {
  const why = cause instanceof Error ? oneLine(cause.message, 300) : String(cause);
  return new CertmanError({
    code: 'configuration/invalid',
    message: `The Temporal namespace ${namespace} lacks the search attributes ${names.join(', ')}, and Temporal refuses to register them: ${why}`,
    remedy: `Use a separate namespace for certman, or remove search attributes that are not needed: temporal operator search-attribute list --namespace ${namespace}`,
    cause,
  });
}

/** The command that registers search attributes. */
export function registerCommand(namespace: string, missing: readonly SearchAttribute[]): string {
  const attributes = missing.map(({ name, type }) => `--name ${name} --type ${CLI_TYPES[type]}`).join(' ');
  return `temporal operator search-attribute create --namespace ${namespace} ${attributes}`;
}

/**
 * Waits until the frontend accepts the attributes, which this worker or another one has just registered: a signal that it
 * rejects until then is repeated by the next resync only.
 * @throws the reason of `signal`.
 */
export async function waitForSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const query = SEARCH_ATTRIBUTES.map(({ name }) => `${name} IS NULL`).join(' OR ');
  const deadline = performance.now() + KNOWN_WITHIN_MS;
  for (let waiting = false; ; waiting = true) {
    signal.throwIfAborted();
    try {
      const listed = withinTime(connection, () =>
        connection.workflowService.listWorkflowExecutions({ namespace, query, pageSize: 1 }),
      );
      await abortable(listed, signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      // Anything else says nothing about the attributes, and the worker copes with it later.
      if (grpcCodeOf(error) !== GRPC_STATUS.INVALID_ARGUMENT) return;
      if (performance.now() > deadline) {
        logger.warn(
          { namespace, error },
          'Temporal does not accept the search attributes yet; the resync repeats signals',
        );
        return;
      }
    }
    if (!waiting) {
      const atMostSeconds = KNOWN_WITHIN_MS / 1000;
      logger.info({ namespace, atMostSeconds }, 'waiting until Temporal accepts the search attributes');
    }
    await pause(KNOWN_POLL_MS, signal);
  }
}

/**
 * Those that the namespace lacks. @returns undefined without the right to list them.
 * @throws CertmanError `configuration/invalid` when there is no such namespace, or a type differs.
 */
export async function missingSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
): Promise<readonly SearchAttribute[] | undefined> {
  let present: Readonly<Record<string, number>>;
  try {
    const listed = await withinTime(connection, () => connection.operatorService.listSearchAttributes({ namespace }));
    present = listed.customAttributes ?? {};
  } catch (error) {
    // Without the right to list them: adding those that exist answers ALREADY_EXISTS.
    const code = grpcCodeOf(error);
    if (code === GRPC_STATUS.PERMISSION_DENIED || code === GRPC_STATUS.UNIMPLEMENTED) return undefined;
    if (code !== GRPC_STATUS.NOT_FOUND || !(await isMissing(connection, namespace))) throw error;
    throw missingNamespace(namespace, error);
  }
  for (const { name, type } of SEARCH_ATTRIBUTES) {
    const found = present[name];
    if (found === undefined || found === INDEXED_VALUE_TYPES[type]) continue;
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `The search attribute ${name} of the Temporal namespace ${namespace} has type number ${found}; certman needs ${CLI_TYPES[type]}.`,
      remedy: `Use a separate namespace for certman, or remove it: temporal operator search-attribute remove --namespace ${namespace} --name ${name}`,
    });
  }
  return SEARCH_ATTRIBUTES.filter(({ name }) => present[name] === undefined);
}

/** Warns when the retention is too short for people and counts. Where Temporal does not say it, nothing waits for it. */
export async function checkRetention(connection: ConnectionLike, namespace: string, logger: Logger): Promise<void> {
  let days: number;
  try {
    days = await retentionDays(connection, namespace);
  } catch (error) {
    logger.warn({ namespace, error }, 'Temporal does not say for how long the namespace keeps closed executions');
    return;
  }
  if (days >= MIN_RETENTION_DAYS) return;
  logger.warn(
    { namespace, retentionDays: Math.round(days * 10) / 10 },
    `Temporal keeps closed executions for less than ${MIN_RETENTION_DAYS} days, and with them the history of certificates` +
      `${days < 7 ? '; the counts of the last week are too low' : ''}. ` +
      `Increase the retention: temporal operator namespace update --namespace ${namespace} --retention ${MIN_RETENTION_DAYS}d`,
  );
}

/** For how many days Temporal keeps what has ended. */
export async function retentionDays(connection: ConnectionLike, namespace: string): Promise<number> {
  const described = await withinTime(connection, () => connection.workflowService.describeNamespace({ namespace }));
  return Number(described.config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 86_400;
}
