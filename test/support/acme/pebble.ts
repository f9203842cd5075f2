/** A Pebble of its own for a test file: the real CA with the settings that a test needs, ended with the file. */
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
  /** Base URL of the server itself, for a proxy in front of it. */
  readonly url: string;
  /** PEM that its TLS certificate is trusted by. */
  readonly caPem: string;
  /** That certificate and its key, good for any server on this machine. */
  readonly tls: { readonly certPem: string; readonly keyPem: string };
  /** What Pebble says of a certificate, by its serial in decimal. */
  statusOf(serialNumber: string): Promise<CertificateStatus>;
  /** What it answers from now on when it is asked for a certificate's renewal information; a text is sent as it is. */
  setRenewalInfo(chainPem: string, answer: SuggestedRenewal | string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Unlike the stack's Pebble, it holds every challenge to be met and uses no authorization again, unless told otherwise, so
 * that tests know what comes.
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
    tls: { certPem: certPem ?? '', keyPem: keyPem ?? '' },
    statusOf: (serialNumber) => certificateStatus(part, serialNumber),
    setRenewalInfo: (chainPem, answer) => setRenewalInfo(part, chainPem, answer),
    stop: async () => {
      await part.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
