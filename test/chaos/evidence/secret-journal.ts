/** Every certificate that was ever in its Secret, recorded by a watch. */

import type { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { listAndWatch } from '../../../src/kubernetes/api/list-and-watch.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { parseTlsData } from '../../../src/kubernetes/objects/tls-secret.ts';

export interface SeenCertificate {
  readonly namespace: string;
  readonly secretName: string;
  /** Decimal. */
  readonly serialNumber: string;
  readonly dnsNames: readonly string[];
  /** RFC 3339. */
  readonly notBefore: string;
  readonly notAfter: string;
}

export class SecretJournal {
  readonly #certificates = new Map<string, SeenCertificate>();
  readonly #broken: string[] = [];
  readonly #stopping = new AbortController();
  readonly #watching: Promise<void>;

  /** @param kubernetes with the right to read every Secret. */
  constructor(kubernetes: KubernetesClient) {
    this.#watching = this.#watch(kubernetes);
    // `stop` throws it; before that it is not needed.
    this.#watching.catch(() => undefined);
  }

  /** Each certificate once, in the order of installation. */
  get certificates(): readonly SeenCertificate[] {
    return [...this.#certificates.values()];
  }

  /** Unusable contents that a Secret had at some instant. */
  get broken(): readonly string[] {
    return this.#broken;
  }

  /** @throws when the watch failed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
  }

  async #watch(kubernetes: KubernetesClient): Promise<void> {
    const { signal } = this.#stopping;
    try {
      for await (const event of listAndWatch(kubernetes, SECRETS, { signal })) {
        if (event.kind === 'page') for (const secret of event.objects) this.#see(secret);
        else if (event.kind === 'applied') this.#see(event.object);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #see(secret: KubernetesObject): void {
    if (secret['type'] !== 'kubernetes.io/tls') return;
    const { namespace = '', name } = secret.metadata;
    const judged = parseTlsData(secret['data']);
    if (judged.kind === 'broken') {
      this.#broken.push(`Secret ${namespace}/${name} at ${new Date().toISOString()}: ${judged.message}`);
      return;
    }
    const { serialNumber, dnsNames, notBefore, notAfter } = judged.certificate;
    if (this.#certificates.has(serialNumber)) return;
    this.#certificates.set(serialNumber, {
      namespace,
      secretName: name,
      serialNumber,
      dnsNames,
      notBefore,
      notAfter,
    });
  }
}
