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

export interface PebbleOptions
  extends PebbleBehaviour,
    Pick<PebbleConfiguration, 'profiles' | 'blockedDomains' | 'retryAfter'> {
  /** `host:port` that is asked, over TCP. Not needed where every challenge is held to be met. */
  readonly dnsServer?: string;
  /** Default `pebble`; another name for a second CA beside it. */
  readonly name?: string;
}

export interface CertificateStatus {
  /** `Valid` or `Revoked`. */
  readonly Status: string;
  /** Of a revoked one (RFC 5280 §5.3.1). */
  readonly Reason?: number | undefined;
  /** Of a revoked one, as Go prints it: `2026-11-24 13:00:13.420418489 +0000 UTC`. */
  readonly RevokedAt?: string | undefined;
}

export interface AcmeEndpoints {
  readonly directoryUrl: string;
  readonly managementUrl: string;
  readonly caFile: string;
}

export interface Pebble extends Part, AcmeEndpoints {}

/**
 * The ACME CA. It keeps everything in memory: started again, it is a new CA that knows no accounts.
 * @param options.tls Default: made in `stateDir`.
 */
export async function startPebble(
  options: PartContext & PebbleOptions & { readonly tls?: TlsFiles | undefined },
): Promise<Pebble> {
  const name = options.name ?? 'pebble';
  const folder = join(options.stateDir, name);
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
        const urls = [`https://127.0.0.1:${ports.port}/dir`, `https://127.0.0.1:${ports.managementPort}/roots/0`];
        for (const url of urls) {
          if ((await sendRequest(url, { caFile, signal })).status !== 200) return false;
        }
        return true;
      },
    },
    options,
  );
  return Object.assign(part, {
    directoryUrl: `https://127.0.0.1:${part.ports.port}/dir`,
    managementUrl: `https://127.0.0.1:${part.ports.managementPort}`,
    caFile,
  });
}

const statusSchema = z.object({
  Status: z.string(),
  Reason: z.number().optional(),
  RevokedAt: z.string().max(64).optional(),
});

/**
 * What the CA says of a certificate.
 * @param serialNumber decimal, as in `status.serialNumber`.
 */
export async function certificateStatus(acme: AcmeEndpoints, serialNumber: string): Promise<CertificateStatus> {
  const hex = BigInt(serialNumber).toString(16);
  const url = `${acme.managementUrl}/cert-status-by-serial/${hex.length % 2 === 0 ? hex : `0${hex}`}`;
  const { status, body } = await sendRequest(url, { caFile: acme.caFile });
  if (status === 200) return statusSchema.parse(JSON.parse(body));
  throw new LocalStackError({
    message: `The CA answered ${status} when asked for certificate ${serialNumber}: ${body}`,
  });
}

/** What a CA suggests as the time for a renewal (RFC 9773 §4.2). */
export interface SuggestedRenewal {
  readonly suggestedWindow: { readonly start: string; readonly end: string };
  readonly explanationURL?: string;
}

/**
 * Has the CA answer this, from now on, when it is asked for a certificate's renewal information.
 * @param chainPem the certificate, with or without its issuers.
 * @param answer a text is sent as it is, be it JSON or not.
 */
export async function setRenewalInfo(
  acme: AcmeEndpoints,
  chainPem: string,
  answer: SuggestedRenewal | string,
): Promise<void> {
  const { status, body } = await sendRequest(`${acme.managementUrl}/set-renewal-info/`, {
    caFile: acme.caFile,
    body: JSON.stringify({
      Certificate: chainPem,
      ARIResponse: typeof answer === 'string' ? answer : JSON.stringify(answer),
    }),
  });
  if (status !== 200) {
    throw new LocalStackError({ message: `The CA answered ${status} when given renewal information: ${body}` });
  }
}
