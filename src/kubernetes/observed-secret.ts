/** What the watch reads of a certificate's Secret: its metadata only, so that no key comes into its hands. */
import { type Writers, writersOf } from './foreign-writes.ts';
import type { KubernetesObject, ObjectMeta } from './kubernetes-api.ts';
import { ownFieldsOf, ownsAll } from './owned-fields.ts';
import { REQUEST_LABEL } from './secret-tie.ts';

export interface ObservedSecret {
  readonly resourceVersion: string;
  /** Label and owner references; no more of the metadata is kept. */
  readonly tie: ObjectMeta;
  /** Who wrote its data. */
  readonly writers: Writers;
  /** Certman wrote all of its data, and nobody else has since. */
  readonly dataIsOurs: boolean;
}

const DATA = ['tls.crt', 'tls.key'] as const;

export function observeSecret(object: KubernetesObject): ObservedSecret {
  const { name, resourceVersion = '', labels, ownerReferences } = object.metadata;
  const label = labels?.[REQUEST_LABEL];
  return {
    resourceVersion,
    tie: {
      name,
      ...(label === undefined ? {} : { labels: { [REQUEST_LABEL]: label } }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    writers: writersOf(object, 'data'),
    dataIsOurs: ownsAll(ownFieldsOf(object), 'data', DATA),
  };
}
