import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { formatHostAndPort, parseHostAndPort } from '../../dns/host-and-port.ts';
import { CertmanError } from '../../failures/failure.ts';
import { UsageError } from '../arguments.ts';
import { examples } from '../examples.ts';
import { note } from '../output.ts';
import { commandLine } from '../program-name.ts';

const DEFAULT_ADDRESS = '127.0.0.1:8888';
const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;
const MIN_TOKEN_LENGTH = 16;

interface CodecServerCommandOptions {
  readonly listen: string;
  readonly origin?: readonly string[];
  readonly tokenFile?: string;
}

/** `certman codec-server`: decrypts payloads for the Temporal Web UI and the temporal CLI. */
export function codecServerCommand(): Command {
  return new Command('codec-server')
    .summary('decrypt payloads for the Temporal Web UI and the temporal CLI')
    .description(
      "Serves Temporal's codec server protocol (POST /decode, /encode) with the keys of CERTMAN_PAYLOAD_KEYS, until interrupted. A client that reaches it can read everything that certman has encrypted.",
    )
    .option('--listen <address>', 'host:port to listen on; other than loopback needs --token-file', DEFAULT_ADDRESS)
    .option(
      '--origin <url>',
      'origin of a Web UI that may use it, such as https://temporal.example.com; repeat for more',
      (value: string, previous: readonly string[] | undefined) => [...(previous ?? []), value],
    )
    .option('--token-file <path>', 'file with a bearer token that every request needs; read anew for each')
    .addHelpText(
      'after',
      examples(
        commandLine('codec-server --origin http://localhost:8233'),
        'temporal workflow show --codec-endpoint http://127.0.0.1:8888 --workflow-id <id>',
      ),
    )
    .action(run);
}

async function run({ listen, origin = [], tokenFile }: CodecServerCommandOptions): Promise<void> {
  const address = parseHostAndPort(listen, { host: '127.0.0.1' });
  if (address === undefined) throw new UsageError(`--listen is "${listen.slice(0, 200)}"; expected host:port`);
  if (tokenFile === undefined && !LOOPBACK.test(address.host)) {
    throw new UsageError(
      `--listen ${listen.slice(0, 200)} can be reached from other hosts; add --token-file, and TLS in front of it`,
    );
  }
  const origins = origin.map(parseOrigin);
  const token = tokenFile === undefined ? undefined : () => readToken(tokenFile);
  token?.();
  const { payloadKeys } = loadSettings(process.env, ['payloadKeys']);
  if (payloadKeys === undefined) {
    throw new CertmanError({
      code: 'configuration/invalid',
      message: 'CERTMAN_PAYLOAD_KEYS is not set: there are no keys to decrypt with.',
      remedy: 'Set it to the folder of the keys that the workers have.',
    });
  }
  const { EncryptionCodec } = await import('../../payloads/payload-codec.ts');
  const { PayloadKeyStore } = await import('../../payloads/payload-key-store.ts');
  const { startCodecServer } = await import('../../payloads/codec-server.ts');
  const keys = new PayloadKeyStore(payloadKeys, {
    onError: (reason) => note(`The payload keys cannot be read any more; those before stay in use: ${reason}`),
  });
  // Payloads from before the encryption are shown too.
  const codec = new EncryptionCodec({ keys, required: false });
  const server = await listenOrExplain(() => startCodecServer({ ...address, codec, origins, token }), listen);
  note(`The codec server listens on http://${formatHostAndPort({ host: address.host, port: server.port })}`);
  await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)));
  await server.close();
}

async function listenOrExplain<Server>(start: () => Promise<Server>, listen: string): Promise<Server> {
  try {
    return await start();
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `--listen ${listen} cannot be used (${reason}).`,
      remedy: 'Choose a free port of this machine.',
      cause,
    });
  }
}

function parseOrigin(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null';
  if (!/^https?:/.test(origin) || origin !== text.replace(/\/$/, ''))
    throw new UsageError(
      `--origin is "${text.slice(0, 200)}"; expected scheme, host and port only, such as https://temporal.example.com`,
    );
  return origin;
}

function readToken(path: string): string {
  let token = '';
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `--token-file ${path} cannot be read (${reason}).`,
      cause,
    });
  }
  if (token.length >= MIN_TOKEN_LENGTH) return token;
  throw new UsageError(`--token-file ${path} has fewer than ${MIN_TOKEN_LENGTH} characters`);
}
