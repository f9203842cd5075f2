/** What the watch reads of a certificate's Secret: its metadata only, so that no key comes into its hands. */
import { type FieldWrites, fieldWritesOf, isOtherManagersChange, lastOtherManager } from '../api/field-writes.ts';
import type { KubernetesObject, ObjectMeta } from '../api/kubernetes-api.ts';
import { ownedFieldsOf, ownsFields } from '../api/owned-fields.ts';
import { REQUEST_LABEL, type SecretOwner, secretOwnershipOf } from './secret-ownership.ts';

export interface ObservedSecret {
  readonly resourceVersion: string;
  /** Label and owner references; no more of the metadata is kept. */
  readonly ownershipMetadata: ObjectMeta;
  /** Who wrote its data. */
  readonly dataWrites: FieldWrites;
  /** Field manager of whoever else wrote anything in it last. */
  readonly otherManager?: string;
  /** Certman wrote all of its data, and nobody else has since. */
  readonly ownsData: boolean;
}

const TLS_ENTRIES = ['tls.crt', 'tls.key'] as const;

export function observeSecret(object: KubernetesObject): ObservedSecret {
  const { name, resourceVersion = '', labels, ownerReferences } = object.metadata;
  const label = labels?.[REQUEST_LABEL];
  const stranger = lastOtherManager(object);
  return {
    resourceVersion,
    ownershipMetadata: {
      name,
      ...(label === undefined ? {} : { labels: { [REQUEST_LABEL]: label } }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    dataWrites: fieldWritesOf(object, 'data'),
    ...(stranger === undefined ? {} : { otherManager: stranger }),
    ownsData: ownsFields(ownedFieldsOf(object), 'data', TLS_ENTRIES),
  };
}

/**
 * Why the workflow has to look at its Secret again; undefined when the change was certman's own or means nothing.
 * @param request that it is for; undefined when it is not there, or about to be made again.
 */
export function describeSecretChange(
  previous: ObservedSecret | undefined,
  now: ObservedSecret,
  request: Pick<SecretOwner, 'name' | 'uid'> | undefined,
): string | undefined {
  const before = previous?.dataWrites ?? {};
  const rewritten =
    now.dataWrites.otherWrite !== undefined &&
    now.dataWrites.otherWrite !== before.otherWrite &&
    isOtherManagersChange(before, now.dataWrites);
  if (rewritten) return `The certificate Secret ${now.ownershipMetadata.name} was changed by somebody.`;
  if (request === undefined) return undefined;
  const tie = secretOwnershipOf(now.ownershipMetadata, request);
  const isNews =
    tie.kind !== 'owned' &&
    (previous === undefined || secretOwnershipOf(previous.ownershipMetadata, request).kind === 'owned');
  return isNews
    ? `What ties the Secret ${now.ownershipMetadata.name} to its CertificateRequest was changed by somebody.`
    : undefined;
}
