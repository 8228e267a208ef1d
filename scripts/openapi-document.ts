/** The contract as an OpenAPI document, as a controller serves it, without one: routes are registered and never called. */
import fastifySwagger from '@fastify/swagger'
import Fastify from 'fastify'
import { allRoutes } from '../src/api/index.ts'
import { problemSchemas, swaggerOptions, swaggerSchema } from '../src/api/openapi.ts'
import { version } from '../src/model/version.ts'

export async function openApiDocument(): Promise<unknown> {
  const server = Fastify()
  server.setValidatorCompiler(() => () => true)
  server.setSerializerCompiler(() => data => JSON.stringify(data))
  for (const schema of problemSchemas) server.addSchema(schema)
  await server.register(fastifySwagger, swaggerOptions(version))
  for (const route of allRoutes) {
    server.route({ method: route.method, url: route.path, schema: swaggerSchema(route), handler: () => undefined })
  }
  await server.ready()
  // As it is written: without what JSON cannot hold.
  const document: unknown = JSON.parse(JSON.stringify(server.swagger()))
  await server.close()
  return document
}
