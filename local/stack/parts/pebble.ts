import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { executable } from '../build/executables.ts';
import { sendRequest } from '../http.ts';
import { LocalStackError } from '../local-stack-error.ts';
import { type TlsFiles, tlsFiles } from '../tls.ts';
import {
  type PebbleBehaviour,
  type PebbleConfiguration,
  pebbleConfiguration,
  pebbleEnvironment,
  pebbleFlags,
} from './flags.ts';
import { type Part, type PartContext, startPart } from './part.ts';

/** Options of {@link startPebble}. */
export interface PebbleOptions
  extends PebbleBehaviour,
    Pick<PebbleConfiguration, 'profiles' | 'blockedDomains' | 'retryAfter' | 'externalAccounts'> {
  /** `host:port`, queried over TCP. Not needed with `alwaysValid`. */
  readonly dnsServer?: string;
  /** Default `pebble`; another name for a second CA beside it. */
  readonly name?: string;
}

/** Status of a certificate at Pebble's management endpoint. */
export interface CertificateStatus {
  /** `Valid` or `Revoked`. */
  readonly Status: string;
  /** Reason of the revocation (RFC 5280 §5.3.1). */
  readonly Reason?: number | undefined;
  /** Time of the revocation, as Go prints it: `2026-11-24 13:00:13.420418489 +0000 UTC`. */
  readonly RevokedAt?: string | undefined;
}

/** URLs of a CA, and the CA file for their TLS certificate. */
export interface AcmeEndpoints {
  readonly directoryUrl: string;
  readonly managementUrl: string;
  readonly caFile: string;
  /** PEM file of the roots of what it issues. */
  readonly rootsFile: string;
}

/** The management endpoint of a CA. */
export type AcmeManagement = Pick<AcmeEndpoints, 'managementUrl' | 'caFile'>;

/** A running Pebble. */
export interface Pebble extends Part, AcmeEndpoints {}

/**
 * Starts the ACME CA. It keeps everything in memory: after a restart it is a new CA without accounts.
 * @param options.tls Default: created in `stateDir`.
 */
export async function startPebble(
  options: PartContext & PebbleOptions & { readonly tls?: TlsFiles | undefined },
): Promise<Pebble> {
  const name = options.name ?? 'pebble';
  const folder = join(options.stateDir, name);
  const rootsFile = join(folder, 'roots.pem');
  const { caFile, certFile, keyFile } = options.tls ?? (await tlsFiles(join(options.stateDir, 'tls')));
  await mkdir(folder, { recursive: true });
  const part = await startPart(
    {
      name,
      ports: ['port', 'managementPort'],
      launch: async (ports) => {
        const configFile = join(folder, 'pebble.json');
        const configuration = pebbleConfiguration({ host: '127.0.0.1', ...ports, certFile, keyFile, ...options });
        await writeFile(configFile, JSON.stringify(configuration, undefined, 2));
        const { dnsServer } = options;
        return {
          command: await executable('pebble'),
          args: pebbleFlags({ configFile, ...(dnsServer === undefined ? {} : { dnsServer }) }),
          environment: pebbleEnvironment(options),
        };
      },
      isReady: async (ports, signal) => {
        if ((await sendRequest(`https://127.0.0.1:${ports.port}/dir`, { caFile, signal })).status !== 200) return false;
        const managementUrl = `https://127.0.0.1:${ports.managementPort}`;
        await writeRoots({ managementUrl, caFile, rootsFile }, 1 + (options.alternateRoots ?? 0), signal);
        return true;
      },
    },
    options,
  );
  return Object.assign(part, {
    directoryUrl: `https://127.0.0.1:${part.ports.port}/dir`,
    managementUrl: `https://127.0.0.1:${part.ports.managementPort}`,
    caFile,
    rootsFile,
  });
}

/** Writes the roots of what a CA issues now: after a restart, it has others. @param count how many it has. */
export async function writeRoots(
  { managementUrl, caFile, rootsFile }: Omit<AcmeEndpoints, 'directoryUrl'>,
  count = 1,
  signal?: AbortSignal,
): Promise<void> {
  const roots: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const { status, body } = await sendRequest(`${managementUrl}/roots/${index}`, { caFile, signal });
    if (status !== 200)
      throw new LocalStackError({ message: `The CA answered ${status} for its root ${index}: ${body}` });
    roots.push(body.trim());
  }
  await writeFile(rootsFile, `${roots.join('\n')}\n`);
}

const statusSchema = z.object({
  Status: z.string(),
  Reason: z.number().optional(),
  RevokedAt: z.string().max(64).optional(),
});

/**
 * Reads the status of a certificate from the CA.
 * @param serialNumber decimal, as in `status.serialNumber`.
 */
export async function certificateStatus(acme: AcmeManagement, serialNumber: string): Promise<CertificateStatus> {
  const hex = BigInt(serialNumber).toString(16);
  const url = `${acme.managementUrl}/cert-status-by-serial/${hex.length % 2 === 0 ? hex : `0${hex}`}`;
  const { status, body } = await sendRequest(url, { caFile: acme.caFile });
  if (status === 200) return statusSchema.parse(JSON.parse(body));
  throw new LocalStackError({
    message: `The CA answered ${status} for certificate ${serialNumber}: ${body}`,
  });
}

/** Renewal information (RFC 9773 §4.2). */
export interface SuggestedRenewal {
  readonly suggestedWindow: { readonly start: string; readonly end: string };
  readonly explanationURL?: string;
}

/**
 * Sets the CA's response to requests for a certificate's renewal information.
 * @param chainPem the certificate, with or without its issuers.
 * @param response a text is sent as it is, JSON or not.
 */
export async function setRenewalInfo(
  acme: AcmeManagement,
  chainPem: string,
  response: SuggestedRenewal | string,
): Promise<void> {
  const { status, body } = await sendRequest(`${acme.managementUrl}/set-renewal-info/`, {
    caFile: acme.caFile,
    body: JSON.stringify({
      Certificate: chainPem,
      ARIResponse: typeof response === 'string' ? response : JSON.stringify(response),
    }),
  });
  if (status !== 200) {
    throw new LocalStackError({ message: `The CA answered ${status} to new renewal information: ${body}` });
  }
}
