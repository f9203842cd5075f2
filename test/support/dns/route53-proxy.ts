/** What tests of the Route 53 provider need: Kubernetes objects, and a proxy that counts and refuses requests. */
import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Route53Client } from '@aws-sdk/client-route-53';
import { AWS } from '../../../local/stack/versions.ts';
import type { ZoneTarget } from '../../../src/clusters/zone-target.ts';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { complaintsAbout } from './change-rules.ts';
import { readStoredTxtSets } from './txt-record-sets.ts';

/** Kubernetes objects in memory; the end-to-end tests use a real API server. */
export class FakeKubernetesApi implements Pick<KubernetesApi, 'get' | 'list'> {
  readonly objects = new Map<string, KubernetesObject>();

  put(kind: string, namespace: string, name: string, fields: object): void {
    this.objects.set(`${kind} ${namespace}/${name}`, { kind, metadata: { namespace, name }, ...fields });
  }

  putCredentials(namespace: string, name: string, keyId: string, secret = 'secret'): void {
    const data = {
      aws_access_key_id: Buffer.from(keyId).toString('base64'),
      aws_secret_access_key: Buffer.from(secret).toString('base64'),
    };
    this.put('Secret', namespace, name, { data });
  }

  get: KubernetesApi['get'] = (resource, key) =>
    Promise.resolve(this.objects.get(`${resource.kind} ${key.namespace ?? ''}/${key.name}`));

  list: KubernetesApi['list'] = (resource, options) => {
    const prefix = `${resource.kind} ${options?.namespace ?? ''}`;
    const found = [...this.objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object);
    return (async function* () {
      yield* await Promise.resolve(found);
    })();
  };

  asApi(): KubernetesApi {
    return this as unknown as KubernetesApi;
  }
}

/** A cluster on AWS with credentials in Secret `aws`. */
export function zoneTarget(parts: Partial<ZoneTarget> = {}): ZoneTarget {
  return {
    namespace: 'ns',
    clusterName: 'c1',
    zoneName: 'example.com',
    platform: { kind: 'aws', region: 'us-east-1', credentialsSecret: 'aws', sts: false },
    ...parts,
  };
}

export interface Route53Request {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** Of the access key that signed it. */
  readonly keyId?: string | undefined;
}

export interface Route53Proxy {
  readonly url: string;
  readonly requests: Route53Request[];
  /** The answer in the place of Route 53's; undefined forwards the request. */
  refuse: (
    request: Route53Request,
  ) => { readonly status: number; readonly code: string; readonly message: string } | undefined;
  /** Rewrites an answer of Route 53. */
  rewrite: (body: string) => string;
  /** How many requests, by kind. */
  counts(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/**
 * A proxy in front of moto that refuses the changes that Route 53 refuses and moto does not, and gives answers that moto
 * never gives: throttling, refused records, wrong credentials.
 */
export async function startRoute53Proxy(targetUrl: string): Promise<Route53Proxy> {
  const { region, accessKeyId, secretAccessKey } = AWS;
  const reader = new Route53Client({ region, endpoint: targetUrl, credentials: { accessKeyId, secretAccessKey } });
  let changes: Promise<unknown> = Promise.resolve();
  const backend: Backend = {
    targetUrl,
    refusalOf: async (zoneId, body) => {
      // Of a zone that does not exist, moto says so itself.
      const stored = await readStoredTxtSets(reader, zoneId).catch(() => new Map<string, never>());
      const [first, ...others] = complaintsAbout(body, stored);
      if (first === undefined) return undefined;
      return { status: 400, code: 'InvalidChangeBatch', message: `[${[first, ...others].join(', ')}]` };
    },
    inTurn: (change) => {
      const mine = changes.then(change);
      changes = mine.catch(() => undefined);
      return mine;
    },
  };
  const proxy: Route53Proxy = {
    url: '',
    requests: [],
    refuse: () => undefined,
    rewrite: (body) => body,
    counts: () => {
      const counts: Record<string, number> = {};
      for (const seen of proxy.requests) counts[kindOf(seen)] = (counts[kindOf(seen)] ?? 0) + 1;
      return counts;
    },
    close: () =>
      new Promise((resolve) => {
        reader.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    serve(request, response, proxy, backend).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return Object.assign(proxy, { url: `http://127.0.0.1:${port}` });
}

function kindOf({ method, path }: Route53Request): string {
  if (path.includes('/change/')) return 'GetChange';
  if (path.includes('/rrset')) return method === 'GET' ? 'ListResourceRecordSets' : 'ChangeResourceRecordSets';
  if (/hostedzone\/[^/?]+/.test(path)) return 'GetHostedZone';
  return path.includes('/hostedzone') ? 'ListHostedZones' : 'other';
}

type Refusal = ReturnType<Route53Proxy['refuse']>;

interface Backend {
  readonly targetUrl: string;
  refusalOf(zoneId: string, body: string): Promise<Refusal>;
  /** One change at a time: nothing comes between check and change. */
  inTurn(change: () => Promise<void>): Promise<void>;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  proxy: Route53Proxy,
  backend: Backend,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const [, keyId] = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
  const seen = { method: request.method ?? '', path: request.url ?? '', body: body.toString(), keyId };
  proxy.requests.push(seen);
  const refusal = proxy.refuse(seen);
  if (refusal !== undefined) return refuse(response, refusal);
  const pass = async (): Promise<void> => {
    const onward = forward(new URL(seen.path, backend.targetUrl), { method: seen.method, headers: request.headers });
    onward.end(body);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    const answered = await text(answer);
    response.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] ?? 'text/xml' });
    response.end(proxy.rewrite(answered));
  };
  const zoneId = /\/hostedzone\/([^/?]+)\/rrset/.exec(seen.path)?.[1];
  if (zoneId === undefined || seen.method !== 'POST') return pass();
  await backend.inTurn(async () => {
    const refused = await backend.refusalOf(zoneId, seen.body);
    if (refused === undefined) await pass();
    else refuse(response, refused);
  });
}

function refuse(response: ServerResponse, { status, code, message }: NonNullable<Refusal>): void {
  response.writeHead(status, { 'content-type': 'text/xml' });
  response.end(
    `<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
  );
}
