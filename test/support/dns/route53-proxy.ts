/** What tests of the Route 53 provider need: Kubernetes objects, and a proxy that counts and refuses requests. */
import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ZoneTarget } from '../../../src/clusters/zone-target.ts';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';

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

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export interface Route53Proxy {
  readonly url: string;
  readonly requests: Route53Request[];
  /** The answer in the place of Route 53's; undefined forwards the request. */
  refuse: (request: Route53Request) => Refusal | undefined;
  /** Rewrites an answer of Route 53. */
  rewrite: (body: string) => string;
  /** How many requests, by kind. */
  counts(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/** A proxy in front of moto that gives answers that moto never gives: throttling, refused records, wrong credentials. */
export async function startRoute53Proxy(targetUrl: string): Promise<Route53Proxy> {
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
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    serve(request, response, proxy, targetUrl).catch(() => response.destroy());
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

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  proxy: Route53Proxy,
  targetUrl: string,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const [, keyId] = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
  const seen = { method: request.method ?? '', path: request.url ?? '', body: body.toString(), keyId };
  proxy.requests.push(seen);
  const refusal = proxy.refuse(seen);
  if (refusal !== undefined) return refuse(response, refusal);
  const onward = forward(new URL(seen.path, targetUrl), { method: seen.method, headers: request.headers });
  onward.end(body);
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  const answered = await text(answer);
  response.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] ?? 'text/xml' });
  response.end(proxy.rewrite(answered));
}

function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  response.writeHead(status, { 'content-type': 'text/xml' });
  response.end(
    `<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
  );
}
