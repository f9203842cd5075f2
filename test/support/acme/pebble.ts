/** A Pebble for one test file, with its own settings. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CertificateStatus,
  certificateStatus,
  type PebbleOptions,
  type SuggestedRenewal,
  setRenewalInfo,
  startPebble as startPart,
} from '../../../local/stack/parts/pebble.ts';
import { tlsFiles } from '../../../local/stack/tls.ts';

export interface Pebble {
  readonly directoryUrl: string;
  /** Base URL, for a proxy in front of it. */
  readonly url: string;
  /** PEM of the CA of its TLS certificate. */
  readonly caPem: string;
  /** PEM file of the roots of what it issues. */
  readonly rootsFile: string;
  /** That certificate and its key, valid for any server on loopback. */
  readonly tls: { readonly certPem: string; readonly keyPem: string };
  /** Status of a certificate, by its serial in decimal. */
  statusOf(serialNumber: string): Promise<CertificateStatus>;
  /** Sets the renewal information of a certificate; a text is sent verbatim. */
  setRenewalInfo(chainPem: string, answer: SuggestedRenewal | string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a Pebble that, unlike the stack's, accepts every challenge and reuses no authorization by default.
 */
export async function startPebble(options: PebbleOptions = {}): Promise<Pebble> {
  const stateDir = await mkdtemp(join(tmpdir(), 'certman-pebble-'));
  const tls = await tlsFiles(stateDir);
  const part = await startPart({ alwaysValid: true, authzReuse: 0, ...options, stateDir, tls });
  const [caPem, certPem, keyPem] = await Promise.all(
    [tls.caFile, tls.certFile, tls.keyFile].map((file) => readFile(file, 'utf8')),
  );
  return {
    url: new URL(part.directoryUrl).origin,
    directoryUrl: part.directoryUrl,
    caPem: caPem ?? '',
    rootsFile: part.rootsFile,
    tls: { certPem: certPem ?? '', keyPem: keyPem ?? '' },
    statusOf: (serialNumber) => certificateStatus(part, serialNumber),
    setRenewalInfo: (chainPem, answer) => setRenewalInfo(part, chainPem, answer),
    stop: async () => {
      await part.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
