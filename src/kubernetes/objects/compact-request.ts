import { fromSeconds, toDigits, toOptionalInteger, toSeconds } from '../../cache/compact-value.ts';
import { SharedValues } from '../../cache/shared-values.ts';
import { certIdOf } from '../../x509/cert-id.ts';
import type { FieldWrites } from '../api/managed-fields.ts';
import type { ObservedRequest } from './observed-request.ts';

/** What many requests have in common: in memory once for all of them. In some fleets each cluster has a platform of its own. */
interface CommonFields
  extends Pick<
    ObservedRequest,
    | 'renewBeforeDays'
    | 'issued'
    | 'statusComplete'
    | 'issuerName'
    | 'acmeServer'
    | 'state'
    | 'postponed'
    | 'deleting'
    | 'paused'
    | 'renewalPolicyAnnotation'
    | 'finalizer'
    | 'unownedSpecFields'
    | 'unownedStatusFields'
    | 'otherManager'
  > {
  readonly specManager: string | undefined;
  readonly statusManager: string | undefined;
  readonly servedStatus: string | undefined;
  readonly servedReason: string | undefined;
  /** The first part of a certId whose second one is the serial number. */
  readonly keyIdentifier: string | undefined;
}

const commonFields = new SharedValues<CommonFields>({ maxKeyLength: 1_024 });

/** Of a list; one that has it is kept as a list. */
const NAME_SEPARATOR = '\n';

/**
 * A CertificateRequest as it was observed, in a third of the memory: the controller keeps all. Not to be spread: most of its
 * fields are getters.
 */
export class CompactRequest implements ObservedRequest {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly zoneName: string;
  readonly secretName: string;
  readonly platform: ObservedRequest['platform'];
  readonly serialNumber: string | undefined;
  readonly replacedSerialNumber: string | undefined;
  readonly crlUrl: string | undefined;
  readonly suggestedWindow: ObservedRequest['suggestedWindow'];
  readonly nextAttempt: string | undefined;
  readonly generation: number | undefined;
  readonly #common: CommonFields;
  readonly #dnsNames: string | string[];
  readonly #resourceVersion: number | string | undefined;
  /** Undefined where it is made of the serial number. */
  readonly #certId: string | undefined;
  readonly #ownerName: string | undefined;
  readonly #ownerUid: string | undefined;
  readonly #notBefore: number | undefined;
  readonly #notAfter: number | undefined;
  readonly #installedAt: number | undefined;
  readonly #renewalAt: number | undefined;
  readonly #servedDigest: number | undefined;
  readonly #specOwnTime: number | undefined;
  readonly #specOtherTime: number | undefined;
  readonly #statusOwnTime: number | undefined;
  readonly #statusOtherTime: number | undefined;

  constructor(observed: ObservedRequest) {
    const { resourceVersion, owner, served, specWrites, statusWrites, dnsNames } = observed;
    const keyIdentifier = keyIdentifierOf(observed);
    this.namespace = observed.namespace;
    this.name = observed.name;
    this.uid = observed.uid;
    this.zoneName = observed.zoneName;
    this.secretName = observed.secretName;
    this.platform = observed.platform;
    this.serialNumber = observed.serialNumber;
    this.replacedSerialNumber = observed.replacedSerialNumber;
    this.crlUrl = observed.crlUrl;
    this.suggestedWindow = observed.suggestedWindow;
    this.nextAttempt = observed.nextAttempt;
    this.generation = observed.generation;
    this.#common = toCommonFields(observed, keyIdentifier);
    this.#dnsNames = joinedNames(dnsNames);
    this.#resourceVersion = resourceVersion === undefined ? undefined : toDigits(resourceVersion);
    this.#certId = keyIdentifier === undefined ? observed.certId : undefined;
    this.#ownerName = owner?.name;
    this.#ownerUid = owner?.uid;
    this.#notBefore = toSeconds(observed.notBefore);
    this.#notAfter = toSeconds(observed.notAfter);
    this.#installedAt = toSeconds(observed.installedAt);
    this.#renewalAt = toSeconds(observed.renewalAt);
    this.#servedDigest = served?.digest;
    this.#specOwnTime = toOptionalInteger(specWrites.ownTime);
    this.#specOtherTime = toOptionalInteger(specWrites.otherTime);
    this.#statusOwnTime = toOptionalInteger(statusWrites.ownTime);
    this.#statusOtherTime = toOptionalInteger(statusWrites.otherTime);
  }

  get dnsNames(): string[] {
    return typeof this.#dnsNames === 'string' ? this.#dnsNames.split(NAME_SEPARATOR) : this.#dnsNames;
  }

  get resourceVersion(): string | undefined {
    return this.#resourceVersion === undefined ? undefined : String(this.#resourceVersion);
  }

  get certId(): string | undefined {
    const { keyIdentifier } = this.#common;
    return keyIdentifier === undefined ? this.#certId : certIdOf(keyIdentifier, this.serialNumber ?? '');
  }

  get owner(): ObservedRequest['owner'] {
    const [name, uid] = [this.#ownerName, this.#ownerUid];
    return name === undefined || uid === undefined ? undefined : { name, uid };
  }

  get notBefore(): number | undefined {
    return fromSeconds(this.#notBefore);
  }

  get notAfter(): number | undefined {
    return fromSeconds(this.#notAfter);
  }

  get installedAt(): number | undefined {
    return fromSeconds(this.#installedAt);
  }

  get renewalAt(): number | undefined {
    return fromSeconds(this.#renewalAt);
  }

  get served(): ObservedRequest['served'] {
    const { servedStatus: status, servedReason: reason } = this.#common;
    const digest = this.#servedDigest;
    return status === undefined || reason === undefined || digest === undefined
      ? undefined
      : { status, reason, digest };
  }

  get specWrites(): FieldWrites {
    const otherManager = this.#common.specManager;
    return { ownTime: this.#specOwnTime, otherManager, otherTime: this.#specOtherTime };
  }

  get statusWrites(): FieldWrites {
    const otherManager = this.#common.statusManager;
    return { ownTime: this.#statusOwnTime, otherManager, otherTime: this.#statusOtherTime };
  }

  get renewBeforeDays(): number | undefined {
    return this.#common.renewBeforeDays;
  }

  get issued(): boolean {
    return this.#common.issued;
  }

  get statusComplete(): boolean {
    return this.#common.statusComplete;
  }

  get issuerName(): string | undefined {
    return this.#common.issuerName;
  }

  get acmeServer(): string | undefined {
    return this.#common.acmeServer;
  }

  get state(): ObservedRequest['state'] {
    return this.#common.state;
  }

  get postponed(): ObservedRequest['postponed'] {
    return this.#common.postponed;
  }

  get deleting(): boolean {
    return this.#common.deleting;
  }

  get paused(): boolean {
    return this.#common.paused;
  }

  get renewalPolicyAnnotation(): string | undefined {
    return this.#common.renewalPolicyAnnotation;
  }

  get finalizer(): boolean {
    return this.#common.finalizer;
  }

  get unownedSpecFields(): readonly string[] {
    return this.#common.unownedSpecFields;
  }

  get unownedStatusFields(): readonly string[] {
    return this.#common.unownedStatusFields;
  }

  get otherManager(): string | undefined {
    return this.#common.otherManager;
  }
}

function joinedNames(dnsNames: string[]): string | string[] {
  const isPlain = dnsNames.length > 0 && dnsNames.every((name) => !name.includes(NAME_SEPARATOR));
  return isPlain ? dnsNames.join(NAME_SEPARATOR) : dnsNames;
}

/** Undefined where the certId is not made of the serial number. */
function keyIdentifierOf({ certId, serialNumber }: ObservedRequest): string | undefined {
  if (certId === undefined || serialNumber === undefined) return undefined;
  const keyIdentifier = certId.slice(0, certId.indexOf('.'));
  return certIdOf(keyIdentifier, serialNumber) === certId ? keyIdentifier : undefined;
}

function toCommonFields(observed: ObservedRequest, keyIdentifier: string | undefined): CommonFields {
  const common: CommonFields = {
    renewBeforeDays: observed.renewBeforeDays,
    issued: observed.issued,
    statusComplete: observed.statusComplete,
    issuerName: observed.issuerName,
    acmeServer: observed.acmeServer,
    state: observed.state,
    postponed: observed.postponed,
    deleting: observed.deleting,
    paused: observed.paused,
    renewalPolicyAnnotation: observed.renewalPolicyAnnotation,
    finalizer: observed.finalizer,
    unownedSpecFields: observed.unownedSpecFields,
    unownedStatusFields: observed.unownedStatusFields,
    otherManager: observed.otherManager,
    specManager: observed.specWrites.otherManager,
    statusManager: observed.statusWrites.otherManager,
    servedStatus: observed.served?.status,
    servedReason: observed.served?.reason,
    // A part of the certId, which would stay with it.
    keyIdentifier: keyIdentifier === undefined ? undefined : Buffer.from(keyIdentifier).toString(),
  };
  return commonFields.getByFields(common);
}
