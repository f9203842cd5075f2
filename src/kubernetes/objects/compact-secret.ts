import { toDigits, toOptionalInteger } from '../../cache/compact-value.ts';
import { SharedValues } from '../../cache/shared-values.ts';
import type { FieldWrites } from '../api/managed-fields.ts';
import type { ObservedSecret } from './observed-secret.ts';

/** What many Secrets have in common: in memory once for all of them. */
interface CommonFields extends Pick<ObservedSecret, 'ownsData' | 'watched'> {
  readonly dataManager: string | undefined;
}

const commonFields = new SharedValues<CommonFields>();

/**
 * A certificate's Secret as it was observed, in half of the memory: the controller keeps all. Not to be spread: some of its
 * fields are getters.
 */
export class CompactSecret implements ObservedSecret {
  readonly namespace: string;
  readonly name: string;
  readonly requestLabel: string | undefined;
  readonly requestUid: string | undefined;
  readonly #resourceVersion: number | string;
  readonly #common: CommonFields;
  /** What few have. */
  readonly #rare: Pick<ObservedSecret, 'givenTo' | 'owners'> | undefined;
  readonly #ownTime: number | undefined;
  readonly #otherTime: number | undefined;

  constructor({ dataWrites, givenTo, owners, ownsData, watched, ...observed }: ObservedSecret) {
    const common = { ownsData, watched, dataManager: dataWrites.otherManager };
    this.namespace = observed.namespace;
    this.name = observed.name;
    this.requestLabel = observed.requestLabel;
    this.requestUid = observed.requestUid;
    this.#resourceVersion = toDigits(observed.resourceVersion);
    this.#common = commonFields.getByFields(common);
    this.#rare = givenTo === undefined && owners === undefined ? undefined : { givenTo, owners };
    this.#ownTime = toOptionalInteger(dataWrites.ownTime);
    this.#otherTime = toOptionalInteger(dataWrites.otherTime);
  }

  get resourceVersion(): string {
    return String(this.#resourceVersion);
  }

  get givenTo(): string | undefined {
    return this.#rare?.givenTo;
  }

  get owners(): ObservedSecret['owners'] {
    return this.#rare?.owners;
  }

  get dataWrites(): FieldWrites {
    return { ownTime: this.#ownTime, otherManager: this.#common.dataManager, otherTime: this.#otherTime };
  }

  get ownsData(): boolean {
    return this.#common.ownsData;
  }

  get watched(): boolean {
    return this.#common.watched;
  }
}
