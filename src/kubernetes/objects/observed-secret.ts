import type { KubernetesObject, ObjectMeta } from '../api/kubernetes-api.ts';
import {
  type FieldWrites,
  fieldWritesOf,
  isOtherManagersChange,
  lastOtherManager,
  ownsFields,
} from '../api/managed-fields.ts';
import { ADOPT_ANNOTATION, REQUEST_LABEL, secretOwnershipOf } from './secret-ownership.ts';

/** A certificate's Secret as last observed, from its metadata alone, so that the controller never sees a key. */
export interface ObservedSecret {
  readonly resourceVersion: string;
  /** Label, owner references and adopt annotation only. */
  readonly ownershipMetadata: ObjectMeta;
  readonly dataWrites: FieldWrites;
  readonly otherManager?: string;
  /** Whether certman wrote all of its data last. */
  readonly ownsData: boolean;
}

const TLS_ENTRIES = ['tls.crt', 'tls.key'] as const;

/** Observes a Secret; metadata suffices. */
export function observeSecret(object: KubernetesObject): ObservedSecret {
  const { name, resourceVersion = '', labels, annotations, ownerReferences } = object.metadata;
  return {
    resourceVersion,
    ownershipMetadata: {
      name,
      labels: only(REQUEST_LABEL, labels),
      annotations: only(ADOPT_ANNOTATION, annotations),
      ownerReferences,
    },
    dataWrites: fieldWritesOf(object, 'data'),
    otherManager: lastOtherManager(object),
    ownsData: ownsFields(object, 'data', TLS_ENTRIES),
  };
}

function only(
  key: string,
  values: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> | undefined {
  const value = values[key];
  return value === undefined ? undefined : { [key]: value };
}

/** Why the workflow must evaluate its Secret again, if so. @param request undefined if missing or to be re-created. */
export function describeSecretChange(
  previous: ObservedSecret | undefined,
  now: ObservedSecret,
  request: { readonly name: string; readonly uid: string } | undefined,
): string | undefined {
  const { name } = now.ownershipMetadata;
  const before = previous?.dataWrites ?? {};
  const { otherWrite } = now.dataWrites;
  if (otherWrite !== undefined && otherWrite !== before.otherWrite && isOtherManagersChange(before, now.dataWrites)) {
    return `The certificate Secret ${name} was changed by another field manager.`;
  }
  const givenTo = now.ownershipMetadata.annotations?.[ADOPT_ANNOTATION];
  const givenBefore = previous?.ownershipMetadata.annotations?.[ADOPT_ANNOTATION];
  if (givenTo !== undefined && givenTo === request?.name && givenTo !== givenBefore) {
    return `The Secret ${name} was given to the CertificateRequest ${givenTo}.`;
  }
  const isOwned = (secret: ObservedSecret): boolean =>
    request === undefined || secretOwnershipOf(secret.ownershipMetadata, request).kind === 'owned';
  return !isOwned(now) && (previous === undefined || isOwned(previous))
    ? `The Secret ${name} no longer belongs to its CertificateRequest: label or owner reference was changed.`
    : undefined;
}
