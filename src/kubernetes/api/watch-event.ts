/** One line of a watch, read. Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import { apiError } from './api-error.ts';
import type { KubernetesObject } from './kubernetes-api.ts';

export type WatchEvent =
  | { readonly kind: 'applied' | 'deleted'; readonly object: KubernetesObject; readonly resourceVersion: string }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }
  /** The server ends the watch and says why. */
  | { readonly kind: 'refused'; readonly error: CertmanError };

const metadataSchema = z.looseObject({ resourceVersion: z.string().min(1) });
const lineSchema = z.object({
  type: z.string(),
  object: z.looseObject({ metadata: z.looseObject({}).optional() }),
});
const statusSchema = z.looseObject({ code: z.number().int() });

const EVENT_KINDS = { ADDED: 'applied', MODIFIED: 'applied', DELETED: 'deleted' } as const;

/**
 * @param path of the watch, for messages.
 * @throws CertmanError `kubernetes/unexpected` when the line is no watch event: what it said is lost, so that the reader
 * must list again.
 */
export function parseWatchEvent(line: string, path: string): WatchEvent {
  const event = lineSchema.safeParse(parse(line, path));
  if (!event.success) throw malformedEventError(path, `${line.length} characters that are no watch event`);
  const { type, object } = event.data;
  if (type === 'ERROR') {
    const status = statusSchema.safeParse(object);
    return {
      kind: 'refused',
      error: apiError(`go on with the watch of ${path}`, {
        status: status.success ? status.data.code : 500,
        text: JSON.stringify(object).slice(0, 64 * 1024),
      }),
    };
  }
  const metadata = metadataSchema.safeParse(object.metadata);
  if (!metadata.success) throw malformedEventError(path, `an event ${type.slice(0, 20)} without a resourceVersion`);
  const { resourceVersion } = metadata.data;
  if (type === 'BOOKMARK') return { kind: 'bookmark', resourceVersion };
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') {
    throw malformedEventError(path, `an event of the unknown type ${type.slice(0, 20)}`);
  }
  const checked = asKubernetesObject(object);
  if (checked === undefined) throw malformedEventError(path, `an event ${type} whose object has no name`);
  return { kind: EVENT_KINDS[type], object: checked, resourceVersion };
}

/** @returns undefined when `value` is no API object with a name. */
export function asKubernetesObject(value: unknown): KubernetesObject | undefined {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return undefined;
  const { metadata } = value;
  if (typeof metadata !== 'object' || metadata === null || !('name' in metadata)) return undefined;
  return typeof metadata.name === 'string' && metadata.name !== '' ? (value as KubernetesObject) : undefined;
}

function parse(line: string, path: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // The parser's message quotes the line, which may be part of a Secret.
    throw malformedEventError(path, `${line.length} characters that are not JSON`);
  }
}

function malformedEventError(path: string, what: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/unexpected',
    message: `The watch of ${path} brought ${what}.`,
    remedy: 'The objects are listed afresh, so that nothing is missed.',
  });
}
