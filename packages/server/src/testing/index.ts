/** The public names of what tests of services need; no logic. */
export type { CallOptions, TestConnection, TestMessage } from './test-connection.ts'
export type { TestClient } from './test-client.ts'
export { type TestCallOptions, type TestedService, testService, type TestOptions } from './test-service.ts'
