"""The tables of `tolv.codebase.modules`: one entry a word or a line, as `module=distribution,alternative`."""

from __future__ import annotations


def _table(text: str) -> dict[str, tuple[str, ...]]:
    pairs = (entry.partition("=") for entry in text.split())
    return {name: tuple(others.split(",")) for name, _, others in pairs}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Python: distributions by module, where the names differ or several bring one module.
PYTHON_DISTRIBUTIONS = _table("""
absl=absl-py actstream=django-activity-stream ajax_select=django-ajax-selects aiohttp_cors=aiohttp-cors aioredis=aioredis,redis
alipay=python-alipay-sdk allauth=django-allauth anyio=anyio apiclient=google-api-python-client apscheduler=apscheduler
argon2=argon2-cffi,argon2-cffi-bindings asgiref=asgiref async_timeout=async-timeout asyncpg=asyncpg
atlassian=atlassian-python-api attr=attrs attrs=attrs auth0=auth0-python authlib=authlib axes=django-axes
aws_cdk=aws-cdk-lib aws_lambda_powertools=aws-lambda-powertools aws_xray_sdk=aws-xray-sdk babel=babel bcrypt=bcrypt
bidi=python-bidi bigquery=google-cloud-bigquery binance=python-binance bitarray=bitarray bleach=bleach blinker=blinker
bootstrap3=django-bootstrap3 bootstrap4=django-bootstrap4 bootstrap5=django-bootstrap5 bot=python-telegram-bot
boto=boto bs4=beautifulsoup4 bson=pymongo,bson cairo=pycairo cairosvg=cairosvg captcha=captcha,django-simple-captcha
casbin=casbin,pycasbin cassandra=cassandra-driver,scylla-driver celery_progress=celery-progress cffi=cffi
channels=channels channels_redis=channels-redis chromadb=chromadb,chromadb-client ckeditor=django-ckeditor
ckeditor_uploader=django-ckeditor clickhouse_connect=clickhouse-connect clickhouse_driver=clickhouse-driver
cloudinary_storage=django-cloudinary-storage cms=django-cms colorfield=django-colorfield compressor=django-compressor
configargparse=configargparse confluent_kafka=confluent-kafka constance=django-constance,python-constance
consul=python-consul,python-consul2 contourpy=contourpy corsheaders=django-cors-headers countries=django-countries
cpuinfo=py-cpuinfo cron_descriptor=cron-descriptor crispy_bootstrap4=crispy-bootstrap4
crispy_bootstrap5=crispy-bootstrap5 crispy_forms=django-crispy-forms croniter=croniter crontab=python-crontab,crontab
Crypto=pycryptodome,pycrypto Cryptodome=pycryptodomex cssselect2=cssselect2 curl_cffi=curl-cffi
cv2=opencv-python,opencv-python-headless,opencv-contrib-python,opencv-contrib-python-headless cx_Oracle=cx-oracle
databases=databases dateparser=dateparser dateutil=python-dateutil,dateutils ddtrace=ddtrace
debug_toolbar=django-debug-toolbar decouple=python-decouple defender=django-defender defusedxml=defusedxml deepl=deepl
discord=discord-py,py-cord,nextcord,discord-py-self disnake=disnake dj_database_url=dj-database-url
dj_rest_auth=dj-rest-auth django=django django_celery_beat=django-celery-beat
django_celery_results=django-celery-results django_countries=django-countries django_cron=django-cron
django_extensions=django-extensions django_filters=django-filter django_heroku=django-heroku,django-on-heroku
django_htmx=django-htmx django_jinja=django-jinja django_js_reverse=django-js-reverse django_otp=django-otp
django_prometheus=django-prometheus django_q=django-q,django-q2 django_redis=django-redis django_rq=django-rq
django_ses=django-ses django_storages=django-storages django_summernote=django-summernote
django_tables2=django-tables2 django_vite=django-vite djcelery_email=django-celery-email djmoney=django-money
djoser=djoser djstripe=dj-stripe dns=dnspython docker=docker,docker-py docutils=docutils docx=python-docx
docxtpl=docxtpl dotenv=python-dotenv,dotenv drf_spectacular=drf-spectacular drf_yasg=drf-yasg,drf-yasg2
ebooklib=ebooklib easy_thumbnails=easy-thumbnails ecdsa=ecdsa editor=python-editor elasticapm=elastic-apm
elasticsearch=elasticsearch,elasticsearch7,elasticsearch8 elasticsearch_dsl=elasticsearch-dsl,elasticsearch
email_validator=email-validator engineio=python-engineio environ=django-environ,environ-config environs=environs
eth_account=eth-account eth_utils=eth-utils explorer=django-sql-explorer facebook=facebook-sdk
facebook_business=facebook-business fakeredis=fakeredis fastapi_cache=fastapi-cache2,fastapi-cache
fastapi_login=fastapi-login fastapi_mail=fastapi-mail fastapi_pagination=fastapi-pagination
fastapi_users=fastapi-users faiss=faiss-cpu,faiss-gpu,faiss feedgen=feedgen feincms=feincms
ffmpeg=ffmpeg-python,python-ffmpeg,ffmpeg filer=django-filer firebase_admin=firebase-admin fitz=pymupdf flask=flask
flask_admin=flask-admin flask_appbuilder=flask-appbuilder flask_assets=flask-assets flask_babel=flask-babel
flask_bcrypt=flask-bcrypt flask_bootstrap=flask-bootstrap,bootstrap-flask,flask-bootstrap4 flask_caching=flask-caching
flask_ckeditor=flask-ckeditor flask_compress=flask-compress flask_cors=flask-cors flask_dance=flask-dance
flask_debugtoolbar=flask-debugtoolbar flask_httpauth=flask-httpauth flask_jwt_extended=flask-jwt-extended
flask_limiter=flask-limiter flask_login=flask-login flask_mail=flask-mail flask_mailman=flask-mailman
flask_marshmallow=flask-marshmallow flask_migrate=flask-migrate flask_moment=flask-moment
flask_mongoengine=flask-mongoengine flask_mysqldb=flask-mysqldb flask_openid=flask-openid flask_pymongo=flask-pymongo
flask_redis=flask-redis flask_restful=flask-restful flask_restx=flask-restx flask_script=flask-script
flask_security=flask-security,flask-security-too flask_seasurf=flask-seasurf flask_session=flask-session
flask_smorest=flask-smorest flask_socketio=flask-socketio flask_sqlalchemy=flask-sqlalchemy
flask_talisman=flask-talisman,talisman flask_uploads=flask-uploads,flask-reuploaded flask_whooshee=flask-whooshee
flask_wtf=flask-wtf fsspec=fsspec fuzzywuzzy=fuzzywuzzy geoip2=geoip2 geolite2=maxminddb-geolite2 geoalchemy2=geoalchemy2 geopandas=geopandas
gevent=gevent geventwebsocket=gevent-websocket git=gitpython github=pygithub gitlab=python-gitlab gi=pygobject
google.ads=google-ads google.api_core=google-api-core google.appengine=appengine-python-standard
google.auth=google-auth google.cloud.logging=google-cloud-logging google.cloud.ndb=google-cloud-ndb
google.cloud.storage=google-cloud-storage google.cloud.aiplatform=google-cloud-aiplatform
google.cloud.bigquery=google-cloud-bigquery google.cloud.firestore=google-cloud-firestore,firebase-admin
google.cloud.firestore_v1=google-cloud-firestore,firebase-admin google.cloud.pubsub=google-cloud-pubsub
google.cloud.pubsub_v1=google-cloud-pubsub google.cloud.secretmanager=google-cloud-secret-manager
google.cloud.sql=cloud-sql-python-connector google.cloud.tasks=google-cloud-tasks
google.cloud.tasks_v2=google-cloud-tasks google.cloud.texttospeech=google-cloud-texttospeech
google.cloud.vision=google-cloud-vision google.cloud.datastore=google-cloud-datastore
google.cloud.exceptions=google-cloud-core google.cloud.translate_v2=google-cloud-translate google.genai=google-genai
google.generativeai=google-generativeai google.oauth2=google-auth google.protobuf=protobuf
google.rpc=googleapis-common-protos google.type=googleapis-common-protos google_auth_httplib2=google-auth-httplib2
google_auth_oauthlib=google-auth-oauthlib googleapiclient=google-api-python-client googlemaps=googlemaps
googletrans=googletrans,googletrans-py graphene_django=graphene-django graphene_sqlalchemy=graphene-sqlalchemy
graphql=graphql-core graphql_jwt=django-graphql-jwt gql=gql graphviz=graphviz grpc=grpcio
grpc_health=grpcio-health-checking grpc_reflection=grpcio-reflection grpc_status=grpcio-status grpc_tools=grpcio-tools
gridfs=pymongo guardian=django-guardian gunicorn=gunicorn gspread=gspread haystack=django-haystack
health_check=django-health-check hcloud=hcloud hijack=django-hijack honeybadger=honeybadger httplib2=httplib2
huggingface_hub=huggingface-hub IPython=ipython ics=ics imagekit=django-imagekit imap_tools=imap-tools
imagehash=imagehash import_export=django-import-export influxdb=influxdb influxdb_client=influxdb-client inject=inject
intuitlib=intuit-oauth ipaddr=ipaddr ipware=django-ipware,python-ipware iso3166=iso3166 itsdangerous=itsdangerous
jaeger_client=jaeger-client jazzmin=django-jazzmin jinja2=jinja2 jks=pyjks jira=jira jose=python-jose,jose
josepy=josepy jsonfield=jsonfield,django-jsonfield jsonschema=jsonschema jwcrypto=jwcrypto jwt=pyjwt,jwt
kafka=kafka-python,kafka-python-ng keycloak=python-keycloak kubernetes=kubernetes
kubernetes_asyncio=kubernetes-asyncio langchain_community=langchain-community langchain_core=langchain-core
langchain_openai=langchain-openai langchain_text_splitters=langchain-text-splitters ldap=python-ldap ldap3=ldap3
levenshtein=levenshtein Levenshtein=levenshtein,python-levenshtein linebot=line-bot-sdk
llama_index=llama-index,llama-index-core lxml=lxml llama_cpp=llama-cpp-python locust=locust logbook=logbook
logstash=python-logstash,python3-logstash logzio=logzio-python-handler magic=python-magic,python-magic-bin
mailchimp_marketing=mailchimp-marketing markdown=markdown markdown_it=markdown-it-py markdown2=markdown2
markupsafe=markupsafe marshmallow_sqlalchemy=marshmallow-sqlalchemy mptt=django-mptt
memcache=python-memcached,python3-memcached mercadopago=mercadopago mock=mock model_utils=django-model-utils
modelcluster=django-modelcluster modeltranslation=django-modeltranslation moneyed=py-moneyed mongoengine=mongoengine
motor=motor mpl_toolkits=matplotlib msal=msal multipart=python-multipart,multipart
mysql=mysql-connector-python,mysql-connector,mysql-connector-python-rf
mysql.connector=mysql-connector-python,mysql-connector,mysql-connector-python-rf MySQLdb=mysqlclient,mysql-python
nacl=pynacl nanoid=nanoid netaddr=netaddr newrelic=newrelic nltk=nltk oauth2_provider=django-oauth-toolkit
oauth2client=oauth2client oauthlib=oauthlib odf=odfpy onelogin=python3-saml,python-saml openid=python3-openid
openpyxl=openpyxl opensearchpy=opensearch-py opentelemetry=opentelemetry-api,opentelemetry-sdk
opentelemetry.sdk=opentelemetry-sdk
opentelemetry.exporter.otlp=opentelemetry-exporter-otlp,opentelemetry-exporter-otlp-proto-grpc,opentelemetry-exporter-otlp-proto-http
opentelemetry.exporter.prometheus=opentelemetry-exporter-prometheus
opentelemetry.exporter.jaeger=opentelemetry-exporter-jaeger,opentelemetry-exporter-jaeger-thrift
opentelemetry.instrumentation=opentelemetry-instrumentation,opentelemetry-distro
opentelemetry.instrumentation.flask=opentelemetry-instrumentation-flask
opentelemetry.instrumentation.fastapi=opentelemetry-instrumentation-fastapi
opentelemetry.instrumentation.django=opentelemetry-instrumentation-django
opentelemetry.instrumentation.requests=opentelemetry-instrumentation-requests
opentelemetry.instrumentation.redis=opentelemetry-instrumentation-redis
opentelemetry.instrumentation.sqlalchemy=opentelemetry-instrumentation-sqlalchemy
opentelemetry.instrumentation.celery=opentelemetry-instrumentation-celery
opentelemetry.instrumentation.psycopg2=opentelemetry-instrumentation-psycopg2
opentelemetry.instrumentation.httpx=opentelemetry-instrumentation-httpx
opentelemetry.instrumentation.logging=opentelemetry-instrumentation-logging
opentelemetry.semconv=opentelemetry-semantic-conventions opentelemetry.propagators.b3=opentelemetry-propagator-b3
ordered_model=django-ordered-model oss2=oss2 otp=pyotp oracledb=oracledb osgeo=gdal packaging=packaging paho=paho-mqtt
paramiko=paramiko passkeys=django-passkeys passlib=passlib,libpass pdfminer=pdfminer-six,pdfminer
paypalrestsdk=paypalrestsdk peewee=peewee peewee_migrate=peewee-migrate pgvector=pgvector
phonenumber_field=django-phonenumber-field phonenumbers=phonenumbers,phonenumberslite PIL=pillow,pillow-simd
pkg_resources=setuptools playhouse=peewee plaid=plaid-python plotly=plotly polymorphic=django-polymorphic
portalocker=portalocker postgrest=postgrest,supabase posthog=posthog pptx=python-pptx
prometheus_client=prometheus-client prometheus_flask_exporter=prometheus-flask-exporter
prometheus_fastapi_instrumentator=prometheus-fastapi-instrumentator prometheus_api_client=prometheus-api-client
psycogreen=psycogreen psycopg=psycopg,psycopg-binary,psycopg-c psycopg2=psycopg2,psycopg2-binary,psycopg2cffi
psycopg_pool=psycopg-pool,psycopg publicsuffix2=publicsuffix2 pwa=django-pwa pyasn1=pyasn1 pyaudio=pyaudio
pycountry=pycountry pycurl=pycurl pydantic_core=pydantic-core,pydantic pydantic_settings=pydantic-settings pydub=pydub
pygments=pygments pylab=matplotlib pylibmc=pylibmc pymemcache=pymemcache pymongo=pymongo pymssql=pymssql
pymysql=pymysql pynamodb=pynamodb pynvml=nvidia-ml-py,pynvml pyodbc=pyodbc pypdf=pypdf pypdf2=pypdf2 PyPDF2=pypdf2
PyQt5=pyqt5 PyQt6=pyqt6 pyrebase=pyrebase,pyrebase4 pysolr=pysolr pytesseract=pytesseract
pythonjsonlogger=python-json-logger pytz=pytz pyzbar=pyzbar pywebpush=pywebpush qdrant_client=qdrant-client
qrcode=qrcode,django-qrcode rapidjson=python-rapidjson raven=raven ratelimit=django-ratelimit,ratelimit
razorpay=razorpay recaptcha=django-recaptcha captcha.fields=django-recaptcha,django-simple-captcha
recurrence=django-recurrence redis=redis,redis-py redis_lock=python-redis-lock redlock=redlock-py,redlock
registration=django-registration,django-registration-redux regex=regex requests_aws4auth=requests-aws4auth
requests_oauthlib=requests-oauthlib requests_toolbelt=requests-toolbelt rest_framework=djangorestframework
rest_framework_jwt=djangorestframework-jwt,drf-jwt rest_framework_simplejwt=djangorestframework-simplejwt
rest_framework_swagger=django-rest-swagger rest_framework_nested=drf-nested-routers
rest_framework_extensions=drf-extensions rest_framework_api_key=djangorestframework-api-key reversion=django-reversion
robohash=robohash rosetta=django-rosetta rosetta_sdk=rosetta rq_scheduler=rq-scheduler rtree=rtree ruamel=ruamel-yaml
ruamel.yaml=ruamel-yaml rules=rules saml2=pysaml2 samlify=pysaml2 sass=libsass sass_processor=django-sass-processor
scrapy=scrapy semver=semver sendgrid=sendgrid sekizai=django-sekizai sentence_transformers=sentence-transformers
sentry_sdk=sentry-sdk serial=pyserial setproctitle=setproctitle shapely=shapely shopify=shopifyapi silk=django-silk
simple_history=django-simple-history simple_salesforce=simple-salesforce sitetree=django-sitetree skimage=scikit-image
sklearn=scikit-learn slack=slackclient,slack-sdk slack_bolt=slack-bolt slack_sdk=slack-sdk slowapi=slowapi
slugify=python-slugify,awesome-slugify,unicode-slugify smart_open=smart-open
snowflake=snowflake-connector-python,snowflake-sqlalchemy snowflake.connector=snowflake-connector-python
snowflake.sqlalchemy=snowflake-sqlalchemy social_core=social-auth-core,social-auth-app-django
social_django=social-auth-app-django social_flask=social-auth-app-flask socketio=python-socketio,flask-socketio
socks=pysocks solr=solrpy soundfile=soundfile sqlalchemy_utils=sqlalchemy-utils
sqlalchemy_continuum=sqlalchemy-continuum sqlalchemy_searchable=sqlalchemy-searchable sqlite_utils=sqlite-utils
sslserver=django-sslserver sse_starlette=sse-starlette starlette=starlette starlette_context=starlette-context
starlette_exporter=starlette-exporter statsd=statsd storages=django-storages
strawberry=strawberry-graphql,strawberry-graphql-django strawberry_django=strawberry-graphql-django
suds=suds,suds-community,suds-jurko supabase=supabase swagger_ui=swagger-ui-py swagger_ui_bundle=swagger-ui-bundle
tabulate=tabulate taggit=django-taggit taggit_serializer=django-taggit-serializer tastypie=django-tastypie
telebot=pytelegrambotapi,telebot telegram=python-telegram-bot telethon=telethon tenacity=tenacity textract=textract
tinymce=django-tinymce tiktoken=tiktoken timezone_field=django-timezone-field tlslite=tlslite-ng tortoise=tortoise-orm
treebeard=django-treebeard twisted=twisted twilio=twilio two_factor=django-two-factor-auth
typing_extensions=typing-extensions tzlocal=tzlocal tzdata=tzdata unfold=django-unfold unidecode=unidecode
unleash=unleashclient UnleashClient=unleashclient user_agents=user-agents,django-user-agents usb=pyusb
uvicorn_worker=uvicorn-worker validate_email=validate-email,py3-validate-email vine=vine vobject=vobject
wagtail=wagtail waffle=django-waffle wand=wand watchtower=watchtower web3=web3 webpack_loader=django-webpack-loader
websocket=websocket-client,websocket weasyprint=weasyprint werkzeug=werkzeug widget_tweaks=django-widget-tweaks
winrm=pywinrm whois=python-whois,whois whoosh=whoosh,whoosh3 wkhtmltopdf=django-wkhtmltopdf
wtforms_sqlalchemy=wtforms-sqlalchemy wx=wxpython xhtml2pdf=xhtml2pdf xlrd=xlrd xlsxwriter=xlsxwriter xmlsec=xmlsec
xmltodict=xmltodict xmpp=xmpppy yaml=pyyaml,pyyaml-ft youtube_dl=youtube-dl
youtube_transcript_api=youtube-transcript-api yt_dlp=yt-dlp zmq=pyzmq zope.interface=zope-interface zxcvbn=zxcvbn
adminsortable2=django-admin-sortable2 admin_honeypot=django-admin-honeypot admin_interface=django-admin-interface
admin_reorder=django-modeladmin-reorder adrf=adrf algoliasearch_django=algoliasearch-django
analytical=django-analytical anymail=django-anymail auditlog=django-auditlog autofixture=django-autofixture
avatar=django-avatar bakery=django-bakery braces=django-braces cachalot=django-cachalot cacheops=django-cacheops
cities_light=django-cities-light colorama=colorama csp=django-csp cors=flask-cors cuser=django-cuser
dal=django-autocomplete-light dal_select2=django-autocomplete-light dbbackup=django-dbbackup
dbtemplates=django-dbtemplates elasticsearch_async=elasticsearch-async embed_video=django-embed-video
encrypted_fields=django-encrypted-fields,django-searchable-encrypted-fields
encrypted_model_fields=django-encrypted-model-fields fcm_django=fcm-django favicon=django-favicon
fernet_fields=django-fernet-fields formtools=django-formtools fsm=django-fsm django_fsm=django-fsm,django-fsm-2
generic_chooser=wagtail-generic-chooser graphene_file_upload=graphene-file-upload honeypot=django-honeypot
impersonate=django-impersonate invitations=django-invitations jsoneditor=django-jsoneditor knox=django-rest-knox
lockdown=django-lockdown location_field=django-location-field maintenance_mode=django-maintenance-mode martor=martor
multiselectfield=django-multiselectfield mailer=django-mailer ninja=django-ninja ninja_extra=django-ninja-extra
ninja_jwt=django-ninja-jwt nested_admin=django-nested-admin newsletter=django-newsletter
notifications=django-notifications-hq oidc_provider=django-oidc-provider mozilla_django_oidc=mozilla-django-oidc
organizations=django-organizations paypal=django-paypal permissions_policy=django-permissions-policy
pipeline=django-pipeline post_office=django-post-office postman=django-postman private_storage=django-private-storage
push_notifications=django-push-notifications pgtrigger=django-pgtrigger pghistory=django-pghistory
psqlextra=django-postgres-extra queued_storage=django-queued-storage rangefilter=django-admin-rangefilter
robots=django-robots safedelete=django-safedelete select2=django-select2 django_select2=django-select2
sequences=django-sequences session_security=django-session-security solo=django-solo sorl=sorl-thumbnail
star_ratings=django-star-ratings statici18n=django-statici18n static_precompiler=django-static-precompiler
stdimage=django-stdimage suit=django-suit tempus_dominus=django-tempus-dominus tenant_schemas=django-tenant-schemas
django_tenants=django-tenants threadlocals=django-threadlocals tz_detect=django-tz-detect
versatileimagefield=django-versatileimagefield watson=django-watson webpush=django-webpush whitenoise=whitenoise
OpenSSL=pyopenssl Xlib=python-xlib _cffi_backend=cffi _pytest=pytest yarl=yarl zstd=zstd zstandard=zstandard
jsonpath_ng=jsonpath-ng jsonpath_rw=jsonpath-rw json_log_formatter=json-log-formatter lz4=lz4 Bio=biopython
bottle_sqlite=bottle-sqlite cerberus=cerberus codecs_extra=codecs dogpile=dogpile-cache dogpile.cache=dogpile-cache
pyramid_tm=pyramid-tm pyramid_debugtoolbar=pyramid-debugtoolbar zope.sqlalchemy=zope-sqlalchemy sanic_ext=sanic-ext
quart_cors=quart-cors tornado=tornado cherrypy=cherrypy starlite=starlite litestar=litestar piccolo=piccolo
azure.storage.blob=azure-storage-blob azure.identity=azure-identity
azure.keyvault=azure-keyvault,azure-keyvault-secrets azure.functions=azure-functions azure.core=azure-core
azure.servicebus=azure-servicebus azure.cosmos=azure-cosmos azure.monitor.opentelemetry=azure-monitor-opentelemetry
azure.communication.email=azure-communication-email azure.data.tables=azure-data-tables azure.eventhub=azure-eventhub
azure.search.documents=azure-search-documents
""")

#: Python: what a well-known distribution always installs with itself, as far as apps import it on their own.
PULLED_IN = _table("""
flask=werkzeug,jinja2,itsdangerous,click,markupsafe,blinker fastapi=starlette,pydantic,typing-extensions,anyio
starlette=anyio django=asgiref,sqlparse djangorestframework=django requests=urllib3,idna,certifi,charset-normalizer
httpx=httpcore,anyio,certifi,idna,sniffio httpcore=h11,certifi uvicorn=click,h11 pandas=numpy,python-dateutil,pytz
scikit-learn=numpy,scipy,joblib matplotlib=numpy,pillow,packaging flask-sqlalchemy=sqlalchemy,flask
flask-migrate=alembic,flask-sqlalchemy,flask alembic=sqlalchemy,mako sqlalchemy=greenlet,typing-extensions
sqlmodel=sqlalchemy,pydantic databases=sqlalchemy flask-wtf=wtforms,flask flask-login=flask,werkzeug
flask-restful=flask,pytz flask-socketio=python-socketio,flask python-socketio=python-engineio flask-mail=flask,blinker
flask-cors=flask celery=kombu,billiard,vine,click kombu=amqp,vine boto3=botocore,s3transfer,jmespath
botocore=urllib3,python-dateutil,jmespath aiohttp=yarl,multidict,attrs,aiosignal,frozenlist
pydantic=pydantic-core,annotated-types,typing-extensions pydantic-settings=pydantic,python-dotenv jinja2=markupsafe
cryptography=cffi paramiko=cryptography,bcrypt,pynacl
google-api-python-client=google-auth,httplib2,google-api-core,uritemplate
google-cloud-storage=google-auth,google-api-core,google-cloud-core,requests
firebase-admin=google-cloud-firestore,google-cloud-storage,cachecontrol requests-oauthlib=requests,oauthlib
rq=redis,click python-jose=ecdsa,rsa,pyasn1 gunicorn=packaging django-celery-beat=celery,django,python-crontab
django-filter=django django-allauth=django,asgiref selenium=urllib3,trio openai=httpx,pydantic,anyio,distro,tqdm
anthropic=httpx,pydantic,anyio,distro langchain=pydantic,langchain-core,sqlalchemy,requests,pyyaml
streamlit=pandas,numpy,altair,pillow,requests beautifulsoup4=soupsieve scrapy=twisted,lxml,parsel,w3lib
apache-airflow=flask,sqlalchemy,jinja2,pendulum pymongo=dnspython motor=pymongo
tortoise-orm=pypika-tortoise,iso8601,pytz marshmallow-sqlalchemy=marshmallow,sqlalchemy
flask-marshmallow=marshmallow,flask email-validator=dnspython,idna weasyprint=pydyf,cssselect2,tinycss2,pillow
""")

#: Python: what comes only with an extra (`passlib[bcrypt]`).
PYTHON_EXTRAS = _table("""
passlib=bcrypt,argon2-cffi,cryptography uvicorn=uvloop,httptools,websockets,python-dotenv,watchfiles,pyyaml
fastapi=uvicorn,jinja2,httpx,python-multipart,email-validator pydantic=email-validator,python-dotenv
python-jose=cryptography,pycryptodome celery=redis,sqlalchemy,boto3,pymongo psycopg=psycopg-binary,psycopg-pool
sqlalchemy=psycopg2,asyncpg,pymysql flask=python-dotenv,asgiref httpx=h2,brotli,socksio django=argon2-cffi,bcrypt
channels=daphne requests=pysocks pyjwt=cryptography starlette=httpx,jinja2,itsdangerous,pyyaml,python-multipart
redis=hiredis
""")

#: Modules of Python's standard library that other versions or systems have.
MORE_PYTHON = _words("""
asynchat asyncore audioop cgi cgitb chunk crypt distutils imghdr imp mailcap msilib nis nntplib ossaudiodev pipes sndhdr
smtpd spwd sunau telnetlib uu xdrlib lib2to3 annotationlib compression tomllib zoneinfo __future__ __main__ _typeshed
winreg msvcrt _winapi sitecustomize usercustomize
mimetools httplib urlparse urllib2 cookielib Cookie HTMLParser ConfigParser StringIO cStringIO cPickle Queue SocketServer
BaseHTTPServer SimpleHTTPServer xmlrpclib robotparser htmlentitydefs anydbm dbhash commands md5 sha sets rfc822 mimify
MimeWriter multifile popen2 thread dummy_thread copy_reg exceptions UserDict UserList UserString __builtin__
""")

#: Modules that Node brings.
NODE_BUILTINS = _words("""
assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events
fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl sea sqlite
stream string_decoder sys test timers tls trace_events tty url util v8 vm wasi worker_threads zlib _http_common
""")

#: Ruby's standard library, what was once in it included: older versions have it still.
RUBY_STANDARD = _words("""
English abbrev base64 benchmark bigdecimal bundler cgi coverage csv date dbm delegate did_you_mean digest drb e2mmap
erb error_highlight etc expect fcntl fiber fiddle fileutils find forwardable gdbm getoptlong io ipaddr irb json logger
matrix mkmf monitor mutex_m net nkf objspace observer open-uri open3 openssl optparse optionparser ostruct pathname pp
prettyprint prime pstore psych pty rbconfig rdoc readline reline resolv resolv-replace rexml rinda ripper rss
ruby2_keywords rubygems rubyvm scanf sdbm securerandom set shell shellwords singleton socket stringio strscan sync
syslog tempfile thread thwait time timeout tmpdir tracer tsort un unicode_normalize uri weakref webrick win32ole
xmlrpc yaml zlib continuation syntax_suggest random enumerator rational complex
""")

#: Gems that a Ruby installation brings.
BUNDLED_GEMS = _words(
    "minitest power_assert rake test-unit rexml rss typeprof debug rbs racc bigdecimal base64 csv drb"
)

#: Ruby: gems by what is required, where the names differ.
GEMS = _table("""
action_cable=actioncable,rails action_controller=actionpack,rails action_dispatch=actionpack,rails
action_mailer=actionmailer,rails action_mailbox=actionmailbox,rails action_text=actiontext,rails
action_view=actionview,rails active_job=activejob,rails active_model=activemodel,rails
active_record=activerecord,rails,sinatra-activerecord active_storage=activestorage,rails
active_support=activesupport,rails,activerecord rails=railties,rails rails/all=rails
abstract_controller=actionpack,rails sprockets=sprockets,sprockets-rails,rails bootsnap=bootsnap
aws-sdk=aws-sdk,aws-sdk-v1,aws-sdk-core bcrypt=bcrypt,bcrypt-ruby capybara=capybara carrierwave=carrierwave
cgi/escape=cgi clockwork=clockwork daemons=daemons dalli=dalli dotenv=dotenv,dotenv-rails em=eventmachine
eventmachine=eventmachine em-websocket=em-websocket faraday=faraday faraday_middleware=faraday_middleware,faraday
fog=fog,fog-core,fog-aws git=git,ruby-git google/apis=google-apis-core,google-api-client google/cloud=google-cloud
googleauth=googleauth haml=haml,haml-rails hiredis=hiredis i18n=i18n,activesupport,rails jbuilder=jbuilder
kramdown=kramdown mail=mail,actionmailer,rails memcached=memcached mini_magick=mini_magick mongo=mongo mongoid=mongoid
mysql2=mysql2 net/scp=net-scp net/sftp=net-sftp net/ssh=net-ssh nokogiri=nokogiri,rails,loofah oauth2=oauth2
omniauth=omniauth openid_connect=openid_connect pg=pg prometheus/client=prometheus-client puma=puma
rack=rack,rails,sinatra,railties,actionpack rack/attack=rack-attack rack/cache=rack-cache rack/contrib=rack-contrib
rack/cors=rack-cors rack/protection=rack-protection,sinatra rack/session=rack-session,rack,rails,sinatra
rack/ssl=rack-ssl rack/ssl-enforcer=rack-ssl-enforcer rack/test=rack-test rack/timeout=rack-timeout
rack/mini_profiler=rack-mini-profiler rack-mini-profiler=rack-mini-profiler redcarpet=redcarpet redis=redis
resque=resque resque_scheduler=resque-scheduler rmagick=rmagick RMagick=rmagick rspec=rspec,rspec-core
rspec/rails=rspec-rails sass=sass,sassc,sass-rails sassc=sassc,sassc-rails sentry-ruby=sentry-ruby,sentry-rails
sidekiq=sidekiq sidekiq/cron=sidekiq-cron sidekiq-scheduler=sidekiq-scheduler sinatra=sinatra
sinatra/activerecord=sinatra-activerecord sinatra/reloader=sinatra-contrib sinatra/json=sinatra-contrib
sinatra/namespace=sinatra-contrib sinatra/contrib=sinatra-contrib sinatra/flash=sinatra-flash
sinatra/cross_origin=sinatra-cross_origin slim=slim,slim-rails sqlite3=sqlite3 stripe=stripe thin=thin
tilt=tilt,sinatra twilio-ruby=twilio-ruby tzinfo=tzinfo,activesupport,rails unicorn=unicorn warden=warden,devise
will_paginate=will_paginate zip=rubyzip zeitwerk=zeitwerk,rails rufus-scheduler=rufus-scheduler,sidekiq-scheduler
concurrent=concurrent-ruby,activesupport,rails concurrent-ruby=concurrent-ruby,activesupport,rails
addressable=addressable mime/types=mime-types msgpack=msgpack multi_json=multi_json oj=oj jwt=jwt ox=ox
parallel=parallel pry=pry,pry-rails thor=thor,railties,rails rubygems=rubygems-update capistrano=capistrano
feedjira=feedjira feedbag=feedbag loofah=loofah,rails mustermann=mustermann,sinatra rouge=rouge
telegram/bot=telegram-bot-ruby ffi=ffi hashie=hashie httparty=httparty http=http rotp=rotp rqrcode=rqrcode
ruby-vips=ruby-vips vips=ruby-vips webpush=webpush,web-push will_paginate/active_record=will_paginate
elasticsearch=elasticsearch opentelemetry/sdk=opentelemetry-sdk
opentelemetry/instrumentation/all=opentelemetry-instrumentation-all newrelic_rpm=newrelic_rpm ddtrace=ddtrace,datadog
datadog=datadog lograge=lograge good_job=good_job delayed_job=delayed_job que=que sequel=sequel rom=rom
rom-sql=rom-sql hanami=hanami grape=grape graphql=graphql dry/system=dry-system
""")

#: Go: how many parts the path of a module has at least, by host.
GO_HOSTED_PARTS = {
    **dict.fromkeys(("github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gitea.com"), 3),
    **dict.fromkeys(("golang.org", "google.golang.org", "gopkg.in", "go.uber.org", "k8s.io", "cloud.google.com"), 2),
}

#: Java: Maven groups by package.
JAVA_GROUPS = _table("""
org.springframework=org.springframework,org.springframework.boot org.springframework.boot=org.springframework.boot
org.springframework.data=org.springframework.data,org.springframework.boot
org.springframework.security=org.springframework.security,org.springframework.boot
org.springframework.cloud=org.springframework.cloud
com.fasterxml.jackson=com.fasterxml.jackson.core,org.springframework.boot
org.slf4j=org.slf4j,ch.qos.logback,org.springframework.boot ch.qos.logback=ch.qos.logback,org.springframework.boot
org.apache.logging.log4j=org.apache.logging.log4j org.apache.log4j=log4j,org.apache.logging.log4j
org.apache.commons.lang3=org.apache.commons org.apache.commons.io=commons-io
org.apache.commons.logging=commons-logging com.google.common=com.google.guava com.google.gson=com.google.code.gson
com.google.inject=com.google.inject org.hibernate=org.hibernate,org.hibernate.orm,org.springframework.boot
redis.clients=redis.clients io.lettuce=io.lettuce,org.springframework.boot com.mongodb=org.mongodb
org.bson=org.mongodb com.mysql=com.mysql,mysql org.postgresql=org.postgresql org.h2=com.h2database
com.zaxxer.hikari=com.zaxxer,org.springframework.boot io.micrometer=io.micrometer io.netty=io.netty io.vertx=io.vertx
io.quarkus=io.quarkus io.micronaut=io.micronaut io.javalin=io.javalin com.rabbitmq=com.rabbitmq
org.apache.kafka=org.apache.kafka,org.springframework.kafka com.amazonaws=com.amazonaws
software.amazon=software.amazon.awssdk org.junit=org.junit.jupiter,junit org.mockito=org.mockito
lombok=org.projectlombok jakarta.persistence=jakarta.persistence,org.springframework.boot okhttp3=com.squareup.okhttp3
retrofit2=com.squareup.retrofit2 org.quartz=org.quartz-scheduler org.flywaydb=org.flywaydb liquibase=org.liquibase
org.joda=joda-time org.jsoup=org.jsoup org.mapstruct=org.mapstruct
""")

#: PHP: packages by namespace; the framework that holds a component stands behind it.
PHP_NAMESPACES = {
    name.replace("/", "\\"): found
    for name, found in _table("""
Symfony/Component/Console=symfony/console,symfony/symfony,laravel/framework
Symfony/Component/HttpFoundation=symfony/http-foundation,symfony/symfony,laravel/framework,symfony/framework-bundle
Symfony/Component/HttpKernel=symfony/http-kernel,symfony/symfony,laravel/framework,symfony/framework-bundle
Symfony/Component/Yaml=symfony/yaml,symfony/symfony
Symfony/Component/Process=symfony/process,symfony/symfony,laravel/framework
Symfony/Component/Finder=symfony/finder,symfony/symfony,laravel/framework
Symfony/Component/EventDispatcher=symfony/event-dispatcher,symfony/symfony,symfony/framework-bundle
Symfony/Component/Cache=symfony/cache,symfony/symfony,symfony/framework-bundle
Symfony/Component/HttpClient=symfony/http-client,symfony/symfony
Symfony/Component/Mailer=symfony/mailer,symfony/symfony,laravel/framework
Symfony/Component/Messenger=symfony/messenger,symfony/symfony Symfony/Component/Dotenv=symfony/dotenv,symfony/symfony
Symfony/Component/Validator=symfony/validator,symfony/symfony Symfony/Component/Form=symfony/form,symfony/symfony
Symfony/Component/Serializer=symfony/serializer,symfony/symfony
Symfony/Component/Security=symfony/security-core,symfony/security-bundle,symfony/security-http,symfony/symfony
Illuminate=laravel/framework,illuminate/support,illuminate/database,illuminate/container,illuminate/events,illuminate/view,illuminate/http,illuminate/contracts,roots/acorn,laravel/lumen-framework
Laravel/Sanctum=laravel/sanctum Laravel/Passport=laravel/passport Laravel/Socialite=laravel/socialite
Laravel/Horizon=laravel/horizon Laravel/Fortify=laravel/fortify Laravel/Telescope=laravel/telescope
Laravel/Scout=laravel/scout Laravel/Cashier=laravel/cashier
Monolog=monolog/monolog,laravel/framework,symfony/monolog-bundle GuzzleHttp/Psr7=guzzlehttp/psr7,guzzlehttp/guzzle
GuzzleHttp=guzzlehttp/guzzle Psr/Log=psr/log Psr/Container=psr/container Psr/Http/Message=psr/http-message
Predis=predis/predis Carbon=nesbot/carbon,laravel/framework Ramsey/Uuid=ramsey/uuid,laravel/framework
Twig=twig/twig,symfony/twig-bundle,symfony/twig-pack,slim/twig-view Doctrine/ORM=doctrine/orm,symfony/orm-pack
Doctrine/DBAL=doctrine/dbal,doctrine/orm,symfony/orm-pack Slim=slim/slim
League/Flysystem=league/flysystem,laravel/framework League/OAuth2/Client=league/oauth2-client League/Csv=league/csv
Aws=aws/aws-sdk-php MongoDB=mongodb/mongodb,ext-mongodb PhpAmqpLib=php-amqplib/php-amqplib
PHPMailer/PHPMailer=phpmailer/phpmailer Dotenv=vlucas/phpdotenv,laravel/framework Firebase/JWT=firebase/php-jwt
Stripe=stripe/stripe-php Sentry=sentry/sentry,sentry/sentry-laravel,sentry/sentry-symfony
Intervention/Image=intervention/image Spatie/Permission=spatie/laravel-permission
Spatie/MediaLibrary=spatie/laravel-medialibrary Livewire=livewire/livewire Inertia=inertiajs/inertia-laravel
Barryvdh/DomPDF=barryvdh/laravel-dompdf Dompdf=dompdf/dompdf,barryvdh/laravel-dompdf Mpdf=mpdf/mpdf
PhpOffice/PhpSpreadsheet=phpoffice/phpspreadsheet,maatwebsite/excel Maatwebsite/Excel=maatwebsite/excel
Elasticsearch=elasticsearch/elasticsearch Elastic/Elasticsearch=elasticsearch/elasticsearch
Kreait/Firebase=kreait/firebase-php,kreait/laravel-firebase
Google/Cloud=google/cloud,google/cloud-storage,google/cloud-core
Google/Service=google/apiclient-services,google/apiclient Twilio=twilio/sdk Cake=cakephp/cakephp
CodeIgniter=codeigniter4/framework Phalcon=ext-phalcon Nyholm/Psr7=nyholm/psr7
Prometheus=promphp/prometheus_client_php
""").items()
}
