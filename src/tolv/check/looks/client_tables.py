"""Which calls make clients of backing services, by language, and which settings frameworks make them from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from tolv.check.source import Language

Part = Literal["url", "host", "port", "user", "password", "path", "name", "engine"]
"""What of a service is told: `url` is a whole connection text (or an endpoint), `path` a file, `name` a database,
`engine` which product it is."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a call makes, and where it is told of its service."""

    kind: str
    engine: str
    parts: tuple[tuple[Part, int, tuple[str, ...]], ...]
    """Part, position from 0 (-1: by name only), names of keywords."""
    local: bool = False
    """Without an address it takes this machine."""


def _shape(text: str) -> Shape:
    """`database postgres local url=0,dsn host=-,host` as a shape."""
    kind, engine, *rest = text.split()
    parts: list[tuple[Part, int, tuple[str, ...]]] = []
    for word in rest:
        if word == "local":
            continue
        part, _, where = word.partition("=")
        position, *names = where.split(",")
        parts.append((cast(Part, part), -1 if position == "-" else int(position), tuple(names)))
    return Shape(kind.strip("-"), engine.strip("-"), tuple(parts), "local" in rest)


def _table(text: str) -> dict[str, Shape]:
    found = {}
    for line in text.strip().splitlines():
        names, _, shape = line.partition(" | ")
        for name in names.split():
            found[name] = _shape(shape)
    return found


_HOSTS = "host=0,host port=1,port user=-,user,username password=-,password"

_PYTHON = _table(f"""
sqlalchemy.create_engine create_async_engine sqlalchemy.engine.create_engine sqlmodel.create_engine | - - url=0,url,name_or_url
sqlalchemy.URL.create sqlalchemy.engine.URL.create | - - host=-,host password=-,password user=-,username
databases.Database | - - url=0,url
psycopg2.connect psycopg.connect psycopg.AsyncConnection.connect psycopg.Connection.connect | database postgres url=0,dsn,conninfo host=-,host,hostaddr port=-,port user=-,user password=-,password
psycopg2.pool.SimpleConnectionPool psycopg2.pool.ThreadedConnectionPool | database postgres url=2,dsn host=-,host port=-,port user=-,user password=-,password
psycopg_pool.ConnectionPool psycopg_pool.AsyncConnectionPool | database postgres url=0,conninfo
asyncpg.connect asyncpg.create_pool aiopg.create_pool | database postgres url=0,dsn host=-,host port=-,port user=-,user password=-,password
MySQLdb.connect pymysql.connect mysql.connector.connect aiomysql.connect aiomysql.create_pool mariadb.connect | database mysql host=0,host port=-,port user=1,user password=2,password,passwd
pymssql.connect | database mssql host=0,server user=1,user password=2,password
pymongo.MongoClient motor.motor_asyncio.AsyncIOMotorClient pymongo.AsyncMongoClient | database mongodb local url=0,host port=1,port password=-,password
mongoengine.connect | database mongodb url=-,host port=-,port password=-,password
sqlite3.connect aiosqlite.connect | file sqlite path=0,database
playhouse.db_url.connect | - - url=0,url
peewee.PostgresqlDatabase | database postgres host=-,host port=-,port user=-,user password=-,password
peewee.MySQLDatabase | database mysql host=-,host port=-,port user=-,user password=-,password
peewee.SqliteDatabase playhouse.sqlite_ext.SqliteExtDatabase | file sqlite path=0,database
tortoise.Tortoise.init tortoise.contrib.fastapi.register_tortoise | - - url=-,db_url
cassandra.cluster.Cluster | database cassandra local host=0,contact_points
neo4j.GraphDatabase.driver | database neo4j url=0,uri
redis.Redis redis.StrictRedis redis.asyncio.Redis redis.asyncio.client.Redis redis.ConnectionPool redis.BlockingConnectionPool valkey.Valkey aredis.StrictRedis | cache redis local {_HOSTS}
redis.from_url redis.Redis.from_url redis.StrictRedis.from_url redis.asyncio.from_url redis.asyncio.Redis.from_url redis.ConnectionPool.from_url aioredis.from_url aioredis.create_redis_pool valkey.from_url redis.asyncio.ConnectionPool.from_url | cache redis url=0,url
arq.connections.RedisSettings | cache redis local host=0,host port=1,port password=-,password
pymemcache.client.base.Client pymemcache.Client pymemcache.client.hash.HashClient pylibmc.Client memcache.Client | cache memcached host=0,server,servers
celery.Celery | queue - url=2,broker
kombu.Connection | queue - url=0,hostname
pika.ConnectionParameters | queue rabbitmq local host=0,host port=1,port
pika.URLParameters | queue rabbitmq url=0,url
aio_pika.connect aio_pika.connect_robust | queue rabbitmq url=0,url host=-,host password=-,password
kafka.KafkaProducer kafka.KafkaConsumer aiokafka.AIOKafkaProducer aiokafka.AIOKafkaConsumer | queue kafka local host=-,bootstrap_servers
nats.connect | queue nats local url=0,servers
smtplib.SMTP smtplib.SMTP_SSL aiosmtplib.SMTP | mail smtp host=0,host,hostname
aiosmtplib.send | mail smtp host=-,hostname password=-,password
boto3.client boto3.resource | storage s3 url=-,endpoint_url
minio.Minio | storage s3 host=0,endpoint password=2,secret_key
elasticsearch.Elasticsearch elasticsearch.AsyncElasticsearch opensearchpy.OpenSearch elasticsearch_dsl.connections.create_connection | search elasticsearch host=0,hosts,host
meilisearch.Client | search meilisearch host=0,url
influxdb.InfluxDBClient | database influxdb local {_HOSTS}
""")

_JAVASCRIPT = _table("""
pg.Pool pg.Client pg.default.Pool pg.default.Client | database postgres url=-,connectionString host=-,host port=-,port user=-,user password=-,password
postgres postgres.default | database postgres url=0 host=-,host password=-,password
pg-promise | database postgres url=0 host=-,host password=-,password
mysql.createConnection mysql.createPool mysql2.createConnection mysql2.createPool mysql2/promise.createConnection mysql2/promise.createPool mariadb.createPool mariadb.createConnection promise-mysql.createPool promise-mysql.createConnection | database mysql host=-,host url=0,uri port=-,port user=-,user password=-,password
mssql.connect mssql.ConnectionPool | database mssql url=0 host=-,server password=-,password user=-,user
sequelize.Sequelize sequelize sequelize-typescript.Sequelize sequelize.default | - - url=0 host=-,host password=2,password user=1,username path=-,storage engine=-,dialect
typeorm.DataSource typeorm.createConnection TypeOrmModule.forRoot | - - url=-,url host=-,host port=-,port password=-,password user=-,username engine=-,type path=-,database
knex knex.default knex.knex | - - url=-,connection host=-,host password=-,password path=-,filename engine=-,client
mongoose.connect mongoose.createConnection MongooseModule.forRoot mongoose.default.connect | database mongodb url=0
mongodb.MongoClient mongodb.MongoClient.connect mongodb.connect mongojs monk | database mongodb url=0
redis.createClient redis.createCluster | cache redis local url=0,url host=1,host port=-,port password=-,password
ioredis ioredis.Redis ioredis.default ioredis.Cluster | cache redis local url=0 host=1,host port=-,port password=-,password
memcached memjs.Client.create memjs.create | cache memcached host=0
amqplib.connect amqplib/callback_api.connect amqp-connection-manager.connect | queue rabbitmq local url=0 host=-,hostname
kafkajs.Kafka kafka-node.KafkaClient | queue kafka host=-,brokers,kafkaHost
nats.connect | queue nats local host=-,servers
bull bullmq.Queue bullmq.Worker bull.default bee-queue | queue redis url=1 host=-,host
nodemailer.createTransport nodemailer.default.createTransport | mail smtp url=0 host=-,host port=-,port
@aws-sdk/client-s3.S3Client @aws-sdk/client-s3.S3 aws-sdk.S3 | storage s3 url=-,endpoint
minio.Client | storage s3 host=-,endPoint password=-,secretKey
@elastic/elasticsearch.Client elasticsearch.Client @opensearch-project/opensearch.Client | search elasticsearch host=-,node,host,nodes
meilisearch.MeiliSearch | search meilisearch host=-,host
sqlite3.Database better-sqlite3 sqlite3.cached.Database sqlite.open better-sqlite3.default node:sqlite.DatabaseSync | file sqlite path=0,filename
nedb @seald-io/nedb lowdb lowdb/node.JSONFile lowdb.JSONFile lowdb/adapters/FileSync level leveldb levelup node-persist lowdb/node.JSONFileSync | file file path=0,filename
lokijs | file file path=0
rethinkdb.connect | database rethinkdb local host=-,host
""")

_GO = _table("""
database/sql.Open github.com/jmoiron/sqlx.Open github.com/jmoiron/sqlx.Connect github.com/jmoiron/sqlx.MustConnect sql.Open sqlx.Connect sqlx.Open sqlx.MustConnect | - - url=1 engine=0
gorm.io/driver/postgres.Open postgres.Open | database postgres url=0
gorm.io/driver/mysql.Open mysql.Open | database mysql url=0
gorm.io/driver/sqlite.Open github.com/glebarez/sqlite.Open sqlite.Open | file sqlite path=0
github.com/jackc/pgx/v5/pgxpool.New github.com/jackc/pgx/v5.Connect github.com/jackc/pgx/v4/pgxpool.Connect pgxpool.New pgx.Connect pgxpool.Connect | database postgres url=1
redis.Options | cache redis host=-,Addr password=-,Password
redis.Dial github.com/gomodule/redigo/redis.Dial | cache redis host=1
mongo.Connect options.Client.ApplyURI | database mongodb url=0
amqp.Dial amqp091-go.Dial | queue rabbitmq url=0
nats.Connect | queue nats url=0
smtp.SendMail net/smtp.SendMail | mail smtp host=0
bolt.Open bbolt.Open badger.Open leveldb.OpenFile | file file path=0
kafka.Writer kafka.ReaderConfig | queue kafka host=-,Addr,Brokers
elasticsearch.Config | search elasticsearch host=-,Addresses
""")

_JAVA = _table("""
DriverManager.getConnection | - - url=0 user=1 password=2
.setJdbcUrl | - - url=0
Jedis JedisPool redis.clients.jedis.Jedis redis.clients.jedis.JedisPool redis.clients.jedis.JedisPooled | cache redis local host=0
MongoClients.create MongoClient | database mongodb url=0
RedisClient.create | cache redis url=0
DataSourceBuilder.url | - - url=0
""")

_RUBY = _table("""
Redis.new | cache redis url=-,url host=-,host password=-,password
PG.connect PG::Connection.new PG::Connection.open PG.Connection.new | database postgres url=0 host=-,host password=-,password
Mysql2::Client.new Mysql2.Client.new | database mysql host=-,host password=-,password
Mongo::Client.new Mongo.Client.new | database mongodb url=0
Sequel.connect | - - url=0 host=-,host password=-,password path=-,database engine=-,adapter
ActiveRecord::Base.establish_connection ActiveRecord.Base.establish_connection | - - url=0,url host=-,host password=-,password path=-,database engine=-,adapter
Dalli::Client.new Dalli.Client.new | cache memcached host=0
Bunny.new | queue rabbitmq local url=0 host=-,host,hostname password=-,password
SQLite3::Database.new SQLite3.Database.new | file sqlite path=0
Elasticsearch::Client.new Elasticsearch.Client.new | search elasticsearch url=-,url host=-,host
""")

_PHP = _table("""
PDO | - - url=0 user=1 password=2
mysqli mysqli_connect | database mysql host=0 user=1 password=2
pg_connect pg_pconnect | database postgres url=0
Predis\\Client Predis.Client | cache redis url=0 host=-,host
Redis.connect Redis.pconnect | cache redis host=0
Memcached.addServer Memcache.connect | cache memcached host=0
MongoDB\\Client MongoDB.Client | database mongodb url=0
SQLite3 | file sqlite path=0
Doctrine\\DBAL\\DriverManager.getConnection | - - url=-,url host=-,host password=-,password
""")

#: By language, then by the callee's name (or what it ends in), how it is told of its service.
CALLS: dict[Language, dict[str, Shape]] = {
    "python": _PYTHON,
    "javascript": _JAVASCRIPT,
    "go": _GO,
    "java": _JAVA,
    "ruby": _RUBY,
    "php": _PHP,
}


def _names(text: str, kind: str, engine: str, part: Part) -> dict[str, tuple[str, str, Part]]:
    return dict.fromkeys(text.split(), (kind, engine, part))


#: Settings that a framework, or the app by habit, makes clients from: kind, engine, what it says.
SETTINGS: dict[str, tuple[str, str, Part]] = {
    **_names(
        "SQLALCHEMY_DATABASE_URI SQLALCHEMY_DATABASE_URL DATABASE_URL DATABASE_URI DB_URL DB_URI DATABASE_DSN DB_DSN "
        "SQLALCHEMY_URL db_url database_url databaseUrl dbUrl database_uri connectionString connection_string DSN dsn",
        "", "", "url",
    ),
    **_names("POSTGRES_URL POSTGRES_DSN PG_URL POSTGRES_URI postgres_url", "database", "postgres", "url"),
    **_names("MONGO_URI MONGODB_URI MONGO_URL MONGODB_URL mongo_uri mongoUri mongodb_uri mongoURI", "database",
             "mongodb", "url"),
    **_names("REDIS_URL REDIS_URI CACHE_REDIS_URL RQ_REDIS_URL SESSION_REDIS_URL redis_url redisUrl RATELIMIT_STORAGE_URI",
             "cache", "redis", "url"),
    **_names("CELERY_BROKER_URL BROKER_URL broker_url CELERY_RESULT_BACKEND result_backend RABBITMQ_URL AMQP_URL "
             "CLOUDAMQP_URL amqp_url rabbitmq_url", "queue", "", "url"),
    **_names("CACHE_REDIS_HOST REDIS_HOST redis_host", "cache", "redis", "host"),
    **_names("EMAIL_HOST MAIL_SERVER SMTP_HOST SMTP_SERVER smtp_host smtp_server", "mail", "smtp", "host"),
    **_names("DB_HOST DATABASE_HOST POSTGRES_HOST POSTGRES_SERVER MYSQL_HOST db_host database_host MYSQL_DATABASE_HOST",
             "database", "", "host"),
    **_names("MONGO_HOST MONGODB_HOST", "database", "mongodb", "host"),
    **_names("ELASTICSEARCH_HOST", "search", "elasticsearch", "host"),
    **_names("DB_DRIVER DB_CONNECTION DB_ENGINE DATABASE_ENGINE DATABASE_DRIVER DATABASE_TYPE DB_TYPE DB_CLIENT "
             "DATABASE_CLIENT DB_DIALECT", "database", "", "engine"),
    **_names("DB_FILENAME DB_FILE DB_PATH DATABASE_PATH DATABASE_FILE SQLITE_PATH SQLITE_FILE SQLITE_DB", "file",
             "sqlite", "path"),
    **_names("ELASTICSEARCH_URL", "search", "elasticsearch", "url"),
}  # fmt: skip

#: Identifiers of which one is in every file that has a client or such a setting.
MODULES = frozenset(
    "sqlalchemy sqlmodel databases psycopg2 psycopg psycopg_pool asyncpg aiopg MySQLdb pymysql mysql aiomysql mariadb "
    "pymssql pymongo motor mongoengine sqlite3 aiosqlite playhouse peewee tortoise cassandra neo4j redis valkey aredis "
    "aioredis arq pymemcache pylibmc memcache celery kombu pika aio_pika kafka aiokafka nats smtplib aiosmtplib boto3 "
    "minio elasticsearch opensearchpy elasticsearch_dsl meilisearch influxdb pg postgres promise mysql2 mssql "
    "sequelize typeorm TypeOrmModule knex mongoose MongooseModule mongodb mongojs monk ioredis memcached memjs amqplib "
    "amqp kafkajs nedb lowdb level leveldb levelup lokijs persist bull bullmq bee nodemailer aws aws-sdk sqlite "
    "rethinkdb sql sqlx gorm pgxpool pgx mongo smtp bolt bbolt badger jedis Jedis DriverManager setJdbcUrl "
    "MongoClients DataSourceBuilder RedisClient Redis PG Mysql2 Mongo Sequel ActiveRecord Dalli Bunny SQLite3 "
    "Elasticsearch PDO mysqli mysqli_connect pg_connect Predis Memcached Memcache MongoDB DATABASES CACHES opensearch "
    "elastic Doctrine".split()
) | frozenset(SETTINGS)
