import { knownText, sharedText } from '../../cache/shared-values.ts';
import type { KubernetesObject } from '../api/kubernetes-api.ts';
import {
  type FieldWrites,
  fieldWritesOf,
  isOtherManagersChange,
  lastOtherManager,
  otherWriteOf,
  ownsFields,
} from '../api/managed-fields.ts';
import type { ObservedRequest } from './observed-request.ts';
import {
  ADOPT_ANNOTATION,
  type OwnerReference,
  REQUEST_LABEL,
  type SecretOwnership,
  secretOwnershipOf,
} from './secret-ownership.ts';

/** A certificate's Secret as last observed, from its metadata alone, so that the controller never sees a key. */
export interface ObservedSecret {
  readonly resourceVersion: string;
  readonly name: string;
  /** Label with the name of its CertificateRequest. */
  readonly requestLabel?: string;
  /** Annotation with the name of the request that it is given to. */
  readonly givenTo?: string;
  readonly owners?: readonly OwnerReference[];
  readonly dataWrites: FieldWrites;
  readonly otherManager?: string;
  /** Whether certman wrote all of its data last. */
  readonly ownsData: boolean;
}

/** The request of a Secret. */
type SecretRequest = Pick<ObservedRequest, 'name' | 'uid' | 'secretName'>;

const TLS_ENTRIES = ['tls.crt', 'tls.key'] as const;

/**
 * Observes a Secret; metadata suffices. Small, since the controller caches many.
 * @param requestNamed what is cached of the request that the label names, whose texts are then used.
 */
export function observeSecret(
  object: KubernetesObject,
  requestNamed: (name: string) => SecretRequest | undefined = () => undefined,
): ObservedSecret {
  const { name, resourceVersion = '', labels, annotations, ownerReferences } = object.metadata;
  const label = labels?.[REQUEST_LABEL];
  const request = label === undefined ? undefined : requestNamed(label);
  return {
    resourceVersion,
    name: knownText(name, request?.secretName),
    requestLabel: label === undefined ? undefined : knownText(sharedText(label), request?.name),
    givenTo: annotations?.[ADOPT_ANNOTATION],
    owners: ownerReferences?.map((owner) => toOwner(owner, request)),
    dataWrites: fieldWritesOf(object, 'data'),
    otherManager: sharedText(lastOtherManager(object)),
    ownsData: ownsFields(object, 'data', TLS_ENTRIES),
  };
}

/** What decides about ownership. */
function toOwner(
  { apiVersion, kind, name, uid, controller }: OwnerReference,
  request: SecretRequest | undefined,
): OwnerReference {
  const [sharedVersion, sharedKind, sharedName = ''] = [apiVersion, kind, name].map((text) => sharedText(String(text)));
  return {
    apiVersion: sharedVersion,
    kind: sharedKind,
    name: knownText(sharedName, request?.name),
    uid: knownText(String(uid), request?.uid),
    controller,
  };
}

/** Whose the Secret is, from a living request's point of view. */
export function ownershipOf(
  { name, requestLabel: label, owners }: ObservedSecret,
  request: { readonly name: string; readonly uid: string },
): SecretOwnership {
  const labels = label === undefined ? undefined : { [REQUEST_LABEL]: label };
  return secretOwnershipOf({ name, labels, ownerReferences: owners }, request);
}

/** Why the workflow must evaluate its Secret again, if so. @param request undefined if missing or to be re-created. */
export function describeSecretChange(
  previous: ObservedSecret | undefined,
  now: ObservedSecret,
  request: { readonly name: string; readonly uid: string } | undefined,
): string | undefined {
  const { name, givenTo } = now;
  const before = previous?.dataWrites ?? {};
  const otherWrite = otherWriteOf(now.dataWrites);
  if (
    otherWrite !== undefined &&
    otherWrite !== otherWriteOf(before) &&
    isOtherManagersChange(before, now.dataWrites)
  ) {
    return `The certificate Secret ${name} was changed by another field manager.`;
  }
  if (givenTo !== undefined && givenTo === request?.name && givenTo !== previous?.givenTo) {
    return `The Secret ${name} was given to the CertificateRequest ${givenTo}.`;
  }
  const isOwned = (secret: ObservedSecret): boolean =>
    request === undefined || ownershipOf(secret, request).kind === 'owned';
  return !isOwned(now) && (previous === undefined || isOwned(previous))
    ? `The Secret ${name} no longer belongs to its CertificateRequest: label or owner reference was changed.`
    : undefined;
}
