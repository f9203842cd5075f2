/**
 * Google's own description of the Cloud DNS API, as far as certman uses it: dns-v1.json is cut from the discovery document
 * dns.v1 of google-api-python-client 2.202.0 (Apache-2.0), without its descriptions. Requests, and the answers of the fake,
 * are checked against it.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import description from './dns-v1.json' with { type: 'json' };

interface Method {
  readonly id: string;
  readonly httpMethod: string;
  readonly flatPath: string;
  readonly parameters: Readonly<Record<string, { readonly location: string }>>;
  readonly request?: { readonly $ref: string };
  readonly response: { readonly $ref: string };
}

/** A request that the description knows. */
export interface DescribedRequest {
  /** Such as `dns.changes.create`. */
  readonly method: string;
  /** `project`, `managedZone`, `changeId`. */
  readonly path: Readonly<Record<string, string>>;
  /** What the answer's JSON must be. */
  readonly checkAnswer: (answer: unknown) => void;
}

const METHODS: readonly Method[] = Object.values(
  description.resources as unknown as Record<string, { readonly methods: Record<string, Method> }>,
).flatMap(({ methods }) => Object.values(methods));

const ajv = new Ajv({ strict: false, validateFormats: false });
for (const [name, schema] of Object.entries(description.schemas)) ajv.addSchema(toJsonSchema(schema) as object, name);

/** A schema of the discovery document as JSON Schema; no field is allowed that it does not list. */
function toJsonSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toJsonSchema);
  if (typeof value !== 'object' || value === null) return value;
  const { id: _id, ...rest } = value as Readonly<Record<string, unknown>>;
  const schema = Object.fromEntries(
    Object.entries(rest).map(([key, part]) => [
      key,
      key === 'properties'
        ? Object.fromEntries(Object.entries(part as object).map(([name, field]) => [name, toJsonSchema(field)]))
        : toJsonSchema(part),
    ]),
  );
  return 'properties' in schema ? { ...schema, additionalProperties: false } : schema;
}

function check(reference: string, value: unknown, what: string): void {
  const validate = ajv.getSchema(reference) as ValidateFunction;
  if (!validate(value)) throw new Error(`${what} is no ${reference}: ${ajv.errorsText(validate.errors)}`);
}

/** @throws Error for a request that Google's API does not have. */
export function describeRequest(httpMethod: string, url: URL, body: unknown): DescribedRequest {
  for (const method of METHODS) {
    const names = [...method.flatPath.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
    const pattern = new RegExp(`^/${method.flatPath.replaceAll(/\{\w+\}/g, '([^/]+)')}$`);
    const match = pattern.exec(url.pathname);
    if (match === null || method.httpMethod !== httpMethod) continue;
    for (const name of url.searchParams.keys()) {
      if (method.parameters[name]?.location !== 'query') throw new Error(`${method.id} has no parameter ${name}`);
    }
    if (method.request === undefined && body !== undefined) throw new Error(`${method.id} has no body`);
    if (method.request !== undefined) check(method.request.$ref, body, `the body of ${method.id}`);
    return {
      method: method.id,
      path: Object.fromEntries(names.map((name, at) => [name, decodeURIComponent(match[at + 1] ?? '')])),
      checkAnswer: (answer) => check(method.response.$ref, answer, `the answer to ${method.id}`),
    };
  }
  throw new Error(`Cloud DNS has no ${httpMethod} ${url.pathname}`);
}
