import { z } from 'zod';
import { apiError, malformedResponseError, parseJson } from './api-error.ts';
import type { KubernetesObject } from './kubernetes-api.ts';
import { isKubernetesObject } from './list-pages.ts';

/** Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
export type WatchEvent =
  | { readonly kind: 'applied' | 'deleted'; readonly object: KubernetesObject; readonly resourceVersion: string }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string };

const lineSchema = z.object({
  type: z.string(),
  object: z.looseObject({
    code: z.unknown().optional(),
    metadata: z.looseObject({ resourceVersion: z.string().optional().catch(undefined) }).optional(),
  }),
});

const EVENT_KINDS: ReadonlyMap<string, 'applied' | 'deleted'> = new Map([
  ['ADDED', 'applied'],
  ['MODIFIED', 'applied'],
  ['DELETED', 'deleted'],
]);

/**
 * @throws CertmanError `kubernetes/unexpected` when the line is no watch event: its change is lost, so list again;
 * as `apiError` when the server ends the watch.
 */
export function parseWatchEvent(line: string, path: string): WatchEvent {
  const what = `watch ${path}`;
  const event = lineSchema.safeParse(parseJson(what, line));
  if (!event.success) throw malformedResponseError(what, `${line.length} characters that are no watch event`);
  const { type, object } = event.data;
  if (type === 'ERROR') {
    const status = typeof object.code === 'number' ? object.code : 500;
    throw apiError(`continue the watch of ${path}`, { status, text: JSON.stringify(object) });
  }
  const resourceVersion = object.metadata?.resourceVersion ?? '';
  if (resourceVersion === '') {
    throw malformedResponseError(what, `an event ${type.slice(0, 20)} without a resourceVersion`);
  }
  if (type === 'BOOKMARK') return { kind: 'bookmark', resourceVersion };
  const kind = EVENT_KINDS.get(type);
  if (kind === undefined) throw malformedResponseError(what, `an event of the unknown type ${type.slice(0, 20)}`);
  if (!isKubernetesObject(object)) throw malformedResponseError(what, `an event ${type} whose object has no name`);
  return { kind, object, resourceVersion };
}
