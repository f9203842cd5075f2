import { knownText, sharedText } from '../../cache/shared-values.ts';
import type { KubernetesObject } from '../api/kubernetes-api.ts';
import {
  type FieldWrites,
  fieldWritesOf,
  isOtherManagersChange,
  otherWriteOf,
  ownsFields,
} from '../api/managed-fields.ts';
import type { ObservedRequest } from './observed-request.ts';
import {
  ADOPT_ANNOTATION,
  controllerReferenceTo,
  type OwnerReference,
  REQUEST_LABEL,
  type SecretOwnership,
  secretOwnershipOf,
} from './secret-ownership.ts';

/** A certificate's Secret as last observed, from its metadata alone, so that the controller never sees a key. */
export interface ObservedSecret {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** Label with the name of its CertificateRequest. */
  readonly requestLabel?: string;
  /** Annotation with the name of the request that it is given to. */
  readonly givenTo?: string;
  /** Uid of the request that the label names, where its controller reference is the only one, as certman writes it. */
  readonly requestUid?: string;
  /** The owner references, where they are others. */
  readonly owners?: readonly OwnerReference[];
  readonly dataWrites: FieldWrites;
  /** Whether certman wrote all of its data last. */
  readonly ownsData: boolean;
  /** Whether the watch showed this version; that of a list may have a change that the watch has yet to show. */
  readonly watched: boolean;
}

/** The request of a Secret. */
type SecretRequest = Pick<ObservedRequest, 'namespace' | 'name' | 'uid' | 'secretName'>;

/** What is known beside the object. */
interface SecretContext {
  /** What is cached of the request that the label names, whose texts are then used. Default: nothing. */
  readonly requestNamed?: (name: string) => SecretRequest | undefined;
  /** Default false. */
  readonly watched?: boolean;
}

const TLS_ENTRIES = ['tls.crt', 'tls.key'] as const;

/** Observes a Secret; metadata suffices. Small, since the controller caches many. */
export function observeSecret(
  object: KubernetesObject,
  { requestNamed = () => undefined, watched = false }: SecretContext = {},
): ObservedSecret {
  const { namespace = '', name, resourceVersion = '', labels, annotations, ownerReferences } = object.metadata;
  const label = labels?.[REQUEST_LABEL];
  const request = label === undefined ? undefined : requestNamed(label);
  const owners = ownerReferences?.map((owner) => toOwner(owner, request));
  const requestUid = label === undefined ? undefined : soleRequestUid(owners, label);
  return {
    namespace: knownText(sharedText(namespace), request?.namespace),
    name: knownText(name, request?.secretName),
    resourceVersion,
    requestLabel: label === undefined ? undefined : knownText(sharedText(label), request?.name),
    givenTo: annotations?.[ADOPT_ANNOTATION],
    requestUid,
    owners: requestUid === undefined ? owners : undefined,
    dataWrites: fieldWritesOf(object, 'data'),
    ownsData: ownsFields(object, 'data', TLS_ENTRIES),
    watched,
  };
}

/** Undefined where the references are not just the one that certman writes. */
function soleRequestUid(owners: readonly OwnerReference[] | undefined, requestName: string): string | undefined {
  const [owner, other] = owners ?? [];
  if (owner === undefined || other !== undefined) return undefined;
  const uid = String(owner['uid']);
  const written = controllerReferenceTo({ name: requestName, uid });
  return Object.entries(written).every(([field, value]) => owner[field] === value) ? uid : undefined;
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
  { name, requestLabel: label, requestUid: uid, owners }: ObservedSecret,
  request: { readonly name: string; readonly uid: string },
): SecretOwnership {
  const labels = label === undefined ? undefined : { [REQUEST_LABEL]: label };
  const isWritten = label !== undefined && uid !== undefined;
  const ownerReferences = isWritten ? [controllerReferenceTo({ name: label, uid })] : owners;
  return secretOwnershipOf({ name, labels, ownerReferences }, request);
}

/** Whether it waits to be adopted: its user has given it to the request. */
export function isGivenTo(
  secret: ObservedSecret,
  request: { readonly name: string; readonly uid: string } | undefined,
): boolean {
  return request !== undefined && secret.givenTo === request.name && ownershipOf(secret, request).kind !== 'owned';
}

/** What an evaluation is due to, where the user has given the Secret to its request. */
export function describeGift({ name, givenTo }: ObservedSecret): string {
  return `The Secret ${name} was given to the CertificateRequest ${givenTo}.`;
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
    return describeGift(now);
  }
  const isOwned = (secret: ObservedSecret): boolean =>
    request === undefined || ownershipOf(secret, request).kind === 'owned';
  return !isOwned(now) && (previous === undefined || isOwned(previous))
    ? `The Secret ${name} no longer belongs to its CertificateRequest: label or owner reference was changed.`
    : undefined;
}
