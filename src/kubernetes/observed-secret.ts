/** What the watch reads of a certificate's Secret: its metadata only, so that no key comes into its hands. */
import { isForeignChange, strangerOf, type Writers, writersOf } from './foreign-writes.ts';
import type { KubernetesObject, ObjectMeta } from './kubernetes-api.ts';
import { ownFieldsOf, ownsAll } from './owned-fields.ts';
import { REQUEST_LABEL, type SecretOwner, tieOf } from './secret-tie.ts';

export interface ObservedSecret {
  readonly resourceVersion: string;
  /** Label and owner references; no more of the metadata is kept. */
  readonly tie: ObjectMeta;
  /** Who wrote its data. */
  readonly writers: Writers;
  /** Field manager of whoever else wrote anything in it last. */
  readonly stranger?: string;
  /** Certman wrote all of its data, and nobody else has since. */
  readonly dataIsOurs: boolean;
}

const DATA = ['tls.crt', 'tls.key'] as const;

export function observeSecret(object: KubernetesObject): ObservedSecret {
  const { name, resourceVersion = '', labels, ownerReferences } = object.metadata;
  const label = labels?.[REQUEST_LABEL];
  const stranger = strangerOf(object);
  return {
    resourceVersion,
    tie: {
      name,
      ...(label === undefined ? {} : { labels: { [REQUEST_LABEL]: label } }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    writers: writersOf(object, 'data'),
    ...(stranger === undefined ? {} : { stranger }),
    dataIsOurs: ownsAll(ownFieldsOf(object), 'data', DATA),
  };
}

/**
 * Why the workflow has to look at its Secret again; undefined when the change was certman's own or means nothing.
 * @param request that it is for; undefined when it is not there, or about to be made again.
 */
export function whatChangedInSecret(
  previous: ObservedSecret | undefined,
  now: ObservedSecret,
  request: Pick<SecretOwner, 'name' | 'uid'> | undefined,
): string | undefined {
  const before = previous?.writers ?? {};
  const rewritten =
    now.writers.foreign !== undefined && now.writers.foreign !== before.foreign && isForeignChange(before, now.writers);
  if (rewritten) return `The certificate Secret ${now.tie.name} was changed by somebody.`;
  if (request === undefined) return undefined;
  const tie = tieOf(now.tie, request);
  const isNews = tie.kind !== 'tied' && (previous === undefined || tieOf(previous.tie, request).kind === 'tied');
  return isNews ? `What ties the Secret ${now.tie.name} to its CertificateRequest was changed by somebody.` : undefined;
}
