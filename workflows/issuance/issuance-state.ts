import { setCurrentDetails } from '@temporalio/workflow';
import { describeNames } from '../../src/certificates/describe-names.ts';
import type { CertificateIssuanceInput, IssuanceFailureContext } from '../../src/contract/certificate-issuance.ts';
import { splitSeal } from '../../src/contract/sealed-url.ts';

/** What is known of an order under way, by which a failure says what it leaves behind. */
export class IssuanceState {
  readonly input: CertificateIssuanceInput;
  readonly names: string;
  /** URL, once there is one. */
  order: string | undefined;
  /** Of its CA, once it was placed or resumed. */
  caHost: string | undefined;
  mayBePublished = false;
  isPublished = false;
  /** Whether the CA may have issued a certificate that is not in its Secret. */
  mayBeIssued = false;

  constructor(input: CertificateIssuanceInput) {
    this.input = input;
    this.names = describeNames(input.dnsNames);
    this.order = input.resumeOrder;
  }

  failureContext(): Omit<IssuanceFailureContext, 'leftoverRecords'> {
    const [unclaimedOrder, unclaimedAt] = this.mayBeIssued ? [this.order, this.caHost] : [];
    return { openOrder: this.order, unclaimedOrder, unclaimedAt };
  }

  /** Shows progress in the Web UI. */
  show(progress: string): void {
    const order = this.order === undefined ? `Ordering ${this.names}` : `Order ${splitSeal(this.order).url}`;
    setCurrentDetails(`${order}\n\n${progress}`);
  }
}
