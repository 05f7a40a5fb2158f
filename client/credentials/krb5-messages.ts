/**
 * What the agent and its Kerberos helper say to each other. Tokens travel as base64, times as seconds since 1970.
 *
 * @module
 */
import type { ErrorCode } from '../../protocol/errors.ts';

/** A ticket as it lies in the credential cache. */
export interface Ticket {
  /** Full name of the cache: `FILE:/tmp/krb5cc_1000`. */
  readonly cache: string;
  readonly principal: string;
  /** End of the ticket, in seconds since 1970. */
  readonly ends: number;
}

/** The service that is meant. Where the realm is not stated it is that of the user's own ticket. */
export interface Service {
  readonly service: string;
  readonly host: string;
  readonly realm?: string;
}

export interface HelperRequests {
  /** Whose ticket is there? Asks no KDC. */
  look: { readonly request: Service; readonly answer: Ticket };
  /** Gets a ticket for the service, which may ask a KDC, and makes the first token. */
  begin: {
    readonly request: Service;
    readonly answer: { readonly context: number; readonly token: string; readonly principal: string; readonly ticket: Ticket };
  };
  /** Takes the service's answer. */
  step: { readonly request: { readonly context: number; readonly token: string }; readonly answer: object };
  seal: { readonly request: { readonly context: number; readonly text: string }; readonly answer: { readonly token: string } };
  open: { readonly request: { readonly context: number; readonly token: string }; readonly answer: { readonly message: string } };
  end: { readonly request: { readonly context: number }; readonly answer: object };
}

export type RequestType = keyof HelperRequests;

export type HelperRequest = {
  readonly [T in RequestType]: { readonly id: number; readonly type: T } & HelperRequests[T]['request'];
}[RequestType];

export interface HelperReply {
  readonly id: number;
  readonly answer?: object;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}
